# room(NAME …): one folder = one static library = one namespace. Arrows to other rooms go in USES, foreign libraries in LINKS.
# SPDX-License-Identifier: Apache-2.0
add_library(tiercel_manner INTERFACE)
target_include_directories(tiercel_manner INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(tiercel_manner INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast
    -fstack-protector-strong $<$<BOOL:${TIERCEL_WERROR}>:-Werror>)
target_compile_definitions(tiercel_manner INTERFACE _GLIBCXX_ASSERTIONS OPENSSL_API_COMPAT=30000 OPENSSL_NO_DEPRECATED
    BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE)
# A library that a program does not use must not be loaded by it: ctl-client has a memory budget.
target_link_options(tiercel_manner INTERFACE -Wl,--as-needed)
if(TIERCEL_SANITIZE)
    target_compile_options(tiercel_manner INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer)
    target_link_options(tiercel_manner INTERFACE -fsanitize=address,undefined)
endif()
if(TIERCEL_TSAN)
    target_compile_options(tiercel_manner INTERFACE -fsanitize=thread)
    target_link_options(tiercel_manner INTERFACE -fsanitize=thread)
endif()
if(TIERCEL_FUZZ)
    target_compile_options(tiercel_manner INTERFACE -fsanitize=fuzzer-no-link,address,undefined)
    target_link_options(tiercel_manner INTERFACE -fsanitize=address,undefined)
endif()

# What nearly every file includes, read once for each library: a build from nothing is a third shorter. Files include
# what they use all the same: preset `clang` builds without this.
set(often_included <algorithm> <array> <chrono> <filesystem> <functional> <map> <memory> <optional> <set> <string>
    <string_view> <variant> <vector> <fmt/format.h>)

function(room name)
    cmake_parse_arguments(ROOM "" "" "SOURCES;USES;LINKS" ${ARGN})
    add_library(${name} STATIC ${ROOM_SOURCES})
    target_link_libraries(${name} PUBLIC tiercel_manner ${ROOM_USES} PRIVATE ${ROOM_LINKS})
    target_precompile_headers(${name} PRIVATE ${often_included})
endfunction()
