# Sourced by ./demo and ./check: what a fresh machine lacks, by purpose. Debian 12; the names for Fedora are unverified.
# SPDX-License-Identifier: Apache-2.0

debian_build="g++ cmake ninja-build pkg-config ccache git librpm-dev libcurl4-openssl-dev libssl-dev liblua5.4-dev libsqlite3-dev
    libfmt-dev libboost1.81-dev libboost-json1.81-dev libcli11-dev libtomlplusplus-dev libzstd-dev zlib1g-dev catch2"
debian_demo="rpm redis-server haproxy python3 curl procps util-linux"
debian_check="rpm redis-server haproxy python3 python3-jinja2 curl procps util-linux dnf zypper createrepo-c gnupg strace cpio zstd
    clang-format clang-tidy tzdata"
fedora_build="gcc-c++ cmake ninja-build pkgconf-pkg-config ccache git rpm-devel libcurl-devel openssl-devel lua-devel sqlite-devel
    fmt-devel boost-devel cli11-devel tomlplusplus-devel libzstd-devel zlib-devel catch2-devel"
fedora_demo="rpm redis haproxy python3 curl procps-ng util-linux"
fedora_check="$fedora_demo python3-jinja2 dnf zypper createrepo_c gnupg2 strace cpio zstd clang-tools-extra"

# as_root CMD…: with sudo when that is needed and there.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        printf 'this needs root; run it as root, or install sudo\n' >&2
        return 1
    fi
}

# Redis and HAProxy bring system services; a person's machine must not begin to run them because of us. policy-rc.d is Debian's own
# switch for that while packages are installed; services that are new are disabled afterwards, for the next boot. What was there
# before is not touched.
install_debian() {
    local policy=/usr/sbin/policy-rc.d made="" new_services="" service status=0
    as_root true || return
    for service in redis-server haproxy; do
        case " $* " in *" $service "*) new_services="$new_services $service" ;; esac
    done
    if [ -n "$new_services" ] && [ ! -e "$policy" ]; then
        # However this ends, the switch must not stay: no package could start its services any more.
        trap 'as_root rm -f /usr/sbin/policy-rc.d; trap - EXIT; exit 130' EXIT INT TERM
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod 755 "$policy" && made=yes
    fi
    {
        as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-remove --no-install-recommends "$@"
    } >build-install.log 2>&1 || status=$?
    if [ -n "$made" ]; then
        as_root rm -f "$policy"
        trap - EXIT INT TERM
    fi
    for service in $new_services; do
        [ ! -e "/etc/init.d/$service" ] || as_root /usr/sbin/update-rc.d "$service" disable >>build-install.log 2>&1 || status=$?
    done
    if [ "$status" != 0 ]; then
        printf 'apt-get could not install:%s\n' " $*" >&2
        tail -n 5 build-install.log >&2
        printf 'nothing is removed to make room (--no-remove): if a conflict is named above, remove that package yourself\n' >&2
        return "$status"
    fi
}

# need build demo …: installs what is missing for these purposes and says what; what the package manager says is in build-install.log.
need() {
    local purpose list="" package missing=""
    if command -v apt-get >/dev/null; then
        for purpose in "$@"; do list="$list $(eval "printf '%s ' \$debian_$purpose")"; done
        for package in $list; do
            dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
        done
        missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
        if [ -n "${missing// /}" ]; then
            printf 'installing: %s\n' "$missing"
            # shellcheck disable=SC2086
            install_debian $missing || return
        fi
    elif command -v dnf >/dev/null; then
        for purpose in "$@"; do list="$list $(eval "printf '%s ' \$fedora_$purpose")"; done
        for package in $list; do rpm -q --quiet "$package" || missing="$missing $package"; done
        if [ -n "${missing// /}" ]; then
            printf 'installing (names for Fedora are unverified): %s\n' "$missing"
            # shellcheck disable=SC2086
            as_root dnf install -y $missing >build-install.log 2>&1 || { tail -n 5 build-install.log >&2; return 1; }
        fi
    else
        printf 'neither apt-get nor dnf is here; install what packaging/dependencies.sh lists by hand\n' >&2
        return 1
    fi
}

# log_build FILE: writes its input to FILE, and says every half minute how far ninja is.
log_build() {
    local line next=$((SECONDS + 30))
    while IFS= read -r line; do
        printf '%s\n' "$line"
        if [[ $line =~ ^\[[0-9]+/[0-9]+\] ]] && [ "$SECONDS" -ge "$next" ]; then
            printf '%s\n' "${BASH_REMATCH[0]}" >&3
            next=$((SECONDS + 30))
        fi
    done 3>&1 >"$1"
}

# build PRESET [TARGET…]: configure and build, quietly unless it fails.
build() {
    local preset=$1 status=0
    shift
    export CMAKE_C_COMPILER_LAUNCHER CMAKE_CXX_COMPILER_LAUNCHER
    if command -v ccache >/dev/null; then
        CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
        # Without these ccache does not take compilations with a precompiled header.
        export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    fi
    printf 'building (preset %s) …\n' "$preset"
    { cmake --preset "$preset" && cmake --build --preset "$preset" ${1:+--target "$@"}; } 2>&1 | log_build "build-$preset.log" || status=$?
    if [ "$status" != 0 ]; then
        grep -E 'error|Error|FAILED' "build-$preset.log" | head -n 20 >&2
        tail -n 20 "build-$preset.log" >&2
        printf 'the build failed; all of its output is in build-%s.log\n' "$preset" >&2
        return 1
    fi
}
