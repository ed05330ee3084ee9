//! Trust in exactly the certificates that somebody named: a server's own, or an authority's.
//!
//! Partners' servers often show a certificate that they signed themselves, which no authority vouches for and whose names
//! are wrong. Named in the partner's file, that one certificate is enough; everything else must be vouched for by an
//! authority that is named there.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// Accepts what was named.
#[derive(Debug)]
pub(super) struct Pinned {
    exactly: Vec<Vec<u8>>,
    authorities: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    pub(super) fn new(exactly: &[Vec<u8>], authorities: RootCertStore) -> Result<Self, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(authorities), Arc::clone(&provider))
            .build()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        Ok(Self { exactly: exactly.to_vec(), authorities, provider })
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.exactly.iter().any(|pinned| pinned.as_slice() == end_entity.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        let vouched = self.authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        vouched.map_err(|error| match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                Error::General("it shows a certificate that the partner's file does not name".into())
            }
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
