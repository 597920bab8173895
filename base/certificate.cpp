// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/certificate.hpp"

#include "base/error.hpp"
#include "base/openssl.hpp"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <vector>

namespace base {
namespace {

using Names = Handle<GENERAL_NAMES, GENERAL_NAMES_free>;
using Request = Handle<X509_REQ, X509_REQ_free>;

constexpr std::string_view node_scheme = "tiercel:node:";
constexpr std::string_view dispatcher_scheme = "tiercel:dispatcher:";
constexpr std::size_t pem_limit_bytes = 64u << 10;
// A new node's clock may run behind the dispatcher's.
constexpr std::chrono::hours backdated{1};
constexpr std::chrono::hours authority_lifetime{24 * 3653};

[[noreturn]] void fail_internally(std::string_view what) {
    throw Error(Fault::Internal, "{}: {}", what, openssl_reason());
}

void need(int result, std::string_view what) {
    if (result <= 0) {
        fail_internally(what);
    }
}

[[noreturn]] void fail_damaged() {
    ERR_clear_error();
    throw Error(Fault::Input, "a certificate has extensions that are damaged or given twice");
}

std::string pem_of(const X509* certificate) {
    const Bio out = writing();
    need(PEM_write_bio_X509(out.get(), certificate), "a certificate cannot be written");
    return content_of(out);
}

std::string serial_of(const X509* certificate) {
    const Handle<BIGNUM, BN_free> serial(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
    if (!serial) {
        fail_internally("a serial number cannot be read");
    }
    std::string bytes(static_cast<std::size_t>(std::max(BN_num_bytes(serial.get()), 1)), '\0');
    need(BN_bn2binpad(serial.get(), reinterpret_cast<unsigned char*>(bytes.data()),
                      static_cast<int>(bytes.size())),
         "a serial number cannot be read");
    return to_hex(bytes);
}

Time time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) {
        ERR_clear_error();
        throw Error(Fault::Input, "a certificate has a date that cannot be read");
    }
    using namespace std::chrono;
    const year_month_day day{year{parts.tm_year + 1900}, month{static_cast<unsigned>(parts.tm_mon + 1)},
                             std::chrono::day{static_cast<unsigned>(parts.tm_mday)}};
    return sys_days{day} + hours{parts.tm_hour} + minutes{parts.tm_min} + seconds{parts.tm_sec};
}

Handle<ASN1_TIME, ASN1_TIME_free> asn1_time(Time time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
    Handle<ASN1_TIME, ASN1_TIME_free> result(ASN1_TIME_set(nullptr, static_cast<std::time_t>(seconds)));
    if (!result) {
        fail_internally("a date cannot be written");
    }
    return result;
}

// The one URI among the alternative names; exact bytes, so an embedded NUL ends nothing.
std::optional<std::string> uri_of(const X509* certificate) {
    int critical = 0;
    const Names names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)));
    ERR_clear_error();
    if (!names) {
        if (critical == -1) { // there is no such extension
            return std::nullopt;
        }
        fail_damaged();
    }
    std::optional<std::string> uri;
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != GEN_URI) {
            continue;
        }
        if (uri) {
            throw Error(Fault::Input, "a certificate has several URI names, but must have exactly one");
        }
        const ASN1_IA5STRING* text = name->d.uniformResourceIdentifier;
        uri.emplace(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                    static_cast<std::size_t>(ASN1_STRING_length(text)));
    }
    return uri;
}

std::optional<NodeName> node_of(const X509* certificate) {
    const std::optional<std::string> uri = uri_of(certificate);
    if (!uri) {
        return std::nullopt;
    }
    if (uri->starts_with(node_scheme)) {
        return NodeName(uri->substr(node_scheme.size()));
    }
    if (!uri->starts_with(dispatcher_scheme)) {
        throw Error(Fault::Input, "a certificate has a foreign URI name; it must begin with '{}' or '{}'",
                    node_scheme, dispatcher_scheme);
    }
    check_word(std::string_view(*uri).substr(dispatcher_scheme.size()), "dispatcher name");
    return std::nullopt;
}

// X.509 allows a common name 64 characters; it is only for people.
void set_common_name(X509_NAME* subject, std::string_view name) {
    const std::string_view cut = name.substr(0, 64);
    need(X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(cut.data()),
                                    static_cast<int>(cut.size()), -1, 0),
         "a common name cannot be written");
}

X509Handle begin_certificate(EVP_PKEY* key, std::string_view common_name, Time from, Time until) {
    X509Handle certificate(X509_new());
    if (!certificate) {
        fail_internally("a certificate cannot be made");
    }
    std::string serial = random_bytes(16);
    serial[0] = static_cast<char>((serial[0] & 0x3f) | 0x40); // positive, and always as long
    const Handle<BIGNUM, BN_free> number(BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()),
                                                   static_cast<int>(serial.size()), nullptr));
    if (!number || BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) == nullptr) {
        fail_internally("a serial number cannot be written");
    }
    need(X509_set_version(certificate.get(), X509_VERSION_3), "a certificate cannot be made");
    need(X509_set1_notBefore(certificate.get(), asn1_time(from).get()), "a date cannot be written");
    need(X509_set1_notAfter(certificate.get(), asn1_time(until).get()), "a date cannot be written");
    need(X509_set_pubkey(certificate.get(), key), "a public key cannot be written");
    set_common_name(X509_get_subject_name(certificate.get()), common_name);
    return certificate;
}

void add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
    X509V3_CTX context{};
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const Handle<X509_EXTENSION, X509_EXTENSION_free> extension(
        X509V3_EXT_nconf_nid(nullptr, &context, kind, value));
    if (!extension) {
        fail_internally("an extension cannot be made");
    }
    need(X509_add_ext(certificate, extension.get(), -1), "an extension cannot be added");
}

void add_name(GENERAL_NAMES* names, int type, std::string_view text) {
    Handle<ASN1_IA5STRING, ASN1_IA5STRING_free> value(ASN1_IA5STRING_new());
    Handle<GENERAL_NAME, GENERAL_NAME_free> name(GENERAL_NAME_new());
    if (!value || !name || ASN1_STRING_set(value.get(), text.data(), static_cast<int>(text.size())) != 1) {
        fail_internally("an alternative name cannot be made");
    }
    GENERAL_NAME_set0_value(name.get(), type, value.release());
    need(sk_GENERAL_NAME_push(names, name.get()), "an alternative name cannot be added");
    static_cast<void>(name.release()); // belongs to `names` now
}

// What every certificate below the CA has; `purpose` is the one thing that it may be used for.
void finish_certificate(X509* certificate, X509* issuer, const char* purpose, const GENERAL_NAMES* names,
                        const PrivateKey& key) {
    need(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)), "an issuer cannot be written");
    add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature");
    add_extension(certificate, issuer, NID_ext_key_usage, purpose);
    add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
    add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
    need(X509_add1_ext_i2d(certificate, NID_subject_alt_name, const_cast<GENERAL_NAMES*>(names), 0,
                           X509V3_ADD_DEFAULT),
         "alternative names cannot be added");
    need(X509_sign(certificate, key.state().key.get(), signing_digest(key.state().kind)),
         "a certificate cannot be signed");
}

Names no_names() {
    Names names(sk_GENERAL_NAME_new_null());
    if (!names) {
        fail_internally("alternative names cannot be made");
    }
    return names;
}

Time end_of(Time now, std::chrono::hours lifetime, const Certificate& authority) {
    if (authority.not_after <= now) {
        throw Error(Fault::Conflict, "the certificate of the CA has ended; create a new CA");
    }
    return std::min<Time>(now + lifetime, authority.not_after);
}

} // namespace

X509Handle read_certificate(std::string_view pem) {
    X509Handle certificate;
    if (pem.size() <= pem_limit_bytes) {
        certificate.reset(PEM_read_bio_X509(reading(pem).get(), nullptr, no_passphrase, nullptr));
    }
    ERR_clear_error();
    if (!certificate) {
        throw Error(
            Fault::Input,
            "a certificate cannot be read; it must be PEM and begin with '-----BEGIN CERTIFICATE-----'");
    }
    if ((X509_get_extension_flags(certificate.get()) & EXFLAG_INVALID) != 0) {
        fail_damaged();
    }
    return certificate;
}

Digest fingerprint_of(const X509* certificate) {
    const Bio out = writing();
    need(i2d_X509_bio(out.get(), certificate), "a certificate cannot be written");
    return sha256(content_of(out));
}

Certificate certificate_of(const X509* handle) {
    return {.pem = pem_of(handle),
            .serial = serial_of(handle),
            .fingerprint = fingerprint_of(handle),
            .not_before = time_of(X509_get0_notBefore(handle)),
            .not_after = time_of(X509_get0_notAfter(handle)),
            .node = node_of(handle)};
}

Certificate Certificate::parse(std::string_view pem) {
    return certificate_of(read_certificate(pem).get());
}

std::string make_certificate_request(const PrivateKey& key, const NodeName& node) {
    const Request request(X509_REQ_new());
    if (!request) {
        fail_internally("a certificate request cannot be made");
    }
    set_common_name(X509_REQ_get_subject_name(request.get()), node.str());
    need(X509_REQ_set_pubkey(request.get(), key.state().key.get()), "a public key cannot be written");
    need(X509_REQ_sign(request.get(), key.state().key.get(), signing_digest(key.state().kind)),
         "a certificate request cannot be signed");
    const Bio out = writing();
    need(PEM_write_bio_X509_REQ(out.get(), request.get()), "a certificate request cannot be written");
    return content_of(out);
}

CertificateAuthority CertificateAuthority::create(std::string_view name, Time now) {
    if (name.empty() || name.size() > 64) {
        throw Error(Fault::Input, "the name of a CA has {} bytes, but must have 1 to 64", name.size());
    }
    PrivateKey key = PrivateKey::generate(KeyKind::EcdsaP256);
    const X509Handle certificate =
        begin_certificate(key.state().key.get(), name, now - backdated, now + authority_lifetime);
    X509* const self = certificate.get();
    need(X509_set_issuer_name(self, X509_get_subject_name(self)), "an issuer cannot be written");
    add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(self, self, NID_subject_key_identifier, "hash");
    need(X509_sign(self, key.state().key.get(), signing_digest(key.state().kind)), "a CA cannot be signed");
    return CertificateAuthority(certificate_of(self), std::move(key));
}

CertificateAuthority CertificateAuthority::load(std::string_view certificate_pem, std::string_view key_pem) {
    const X509Handle certificate = read_certificate(certificate_pem);
    PrivateKey key = PrivateKey::from_pem(key_pem);
    if (X509_check_ca(certificate.get()) != 1) {
        throw Error(Fault::Input, "the certificate given for the CA is not one of a CA");
    }
    const bool match = X509_check_private_key(certificate.get(), key.state().key.get()) == 1;
    ERR_clear_error();
    if (!match) {
        throw Error(Fault::Input, "the private key given for the CA does not belong to its certificate");
    }
    return CertificateAuthority(certificate_of(certificate.get()), std::move(key));
}

Certificate CertificateAuthority::sign_node(std::string_view request_pem, const NodeName& node, Time now,
                                            std::chrono::hours lifetime) const {
    Request request;
    if (request_pem.size() <= pem_limit_bytes) {
        request.reset(PEM_read_bio_X509_REQ(reading(request_pem).get(), nullptr, no_passphrase, nullptr));
    }
    EVP_PKEY* const wanted = request ? X509_REQ_get0_pubkey(request.get()) : nullptr; // belongs to `request`
    ERR_clear_error();
    if (wanted == nullptr) {
        throw Error(Fault::Input,
                    "the certificate request of node '{}' cannot be read; it must be PEM and begin with "
                    "'-----BEGIN CERTIFICATE REQUEST-----'",
                    node);
    }
    static_cast<void>(
        kind_of(wanted)); // before the signature: verifying with a huge key is a way to keep us busy
    const bool proven = X509_REQ_verify(request.get(), wanted) == 1;
    ERR_clear_error();
    if (!proven) {
        throw Error(Fault::Input, "the certificate request of node '{}' is not signed by its own key", node);
    }
    const X509Handle issuer = read_certificate(certificate_.pem);
    const X509Handle certificate =
        begin_certificate(wanted, node.str(), now - backdated, end_of(now, lifetime, certificate_));
    const Names names = no_names();
    add_name(names.get(), GEN_URI, fmt::format("{}{}", node_scheme, node));
    finish_certificate(certificate.get(), issuer.get(), "clientAuth", names.get(), key_);
    return certificate_of(certificate.get());
}

Certificate CertificateAuthority::sign_server(const PublicKey& key, std::string_view name, Time now,
                                              std::chrono::hours lifetime) const {
    check_word(name, "dispatcher name");
    const X509Handle issuer = read_certificate(certificate_.pem);
    const X509Handle certificate =
        begin_certificate(key.state().key.get(), name, now - backdated, end_of(now, lifetime, certificate_));
    const Names names = no_names();
    add_name(names.get(), GEN_URI, fmt::format("{}{}", dispatcher_scheme, name));
    add_name(names.get(), GEN_DNS, name); // for programs of others that know the CA but not our pin
    finish_certificate(certificate.get(), issuer.get(), "serverAuth", names.get(), key_);
    return certificate_of(certificate.get());
}

} // namespace base
