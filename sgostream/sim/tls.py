"""A private certificate authority and a server certificate signed by it."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_LIFE = timedelta(days=30)


def make_context(
    folder: Path, names: Iterable[str] = LOCAL_NAMES, *, expired: bool = False
) -> tuple[ssl.SSLContext, Path]:
    """Make an authority and a server context.

    Parameters
    ----------
    folder : Path
        Where the files go; the authority's key is not kept.
    names : iterable of str
        Host names and addresses of the certificate.
    expired : bool
        Make a certificate whose time is over, for tests.

    Returns
    -------
    tuple
        The server's context and the path of the authority's certificate.
    """
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("sgostream simulator CA")
    ca = _sign_ca(ca_name, ca_key)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _sign_leaf(ca_name, ca, ca_key, key, tuple(names), expired)
    ca_file = folder / "ca.pem"
    chain = folder / "server.pem"
    ca_file.write_bytes(_pem(ca))
    chain.touch(mode=0o600)
    chain.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + _pem(leaf)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain)
    context.set_alpn_protocols(["http/1.1"])
    return context, ca_file


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _sign_ca(name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LIFE)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(True, 0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(public), critical=False
        )
        .sign(key, hashes.SHA256())
    )


def _sign_leaf(
    issuer: x509.Name,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePrivateKey,
    names: tuple[str, ...],
    expired: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    end = now - timedelta(days=1) if expired else now + _LIFE
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(_name("sgostream simulator"))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LIFE)
        .not_valid_after(end)
        .add_extension(
            x509.SubjectAlternativeName([_alternative(n) for n in names]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
            critical=False,
        )
        .add_extension(issuer_key, critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
