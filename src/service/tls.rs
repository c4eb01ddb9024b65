//! The cryptography of TLS, for whatever speaks it. It must not know who does.

/// Makes ring the provider of this process, unless it chose one already.
pub fn choose_provider() {
    // Refused where one was chosen: then that one serves.
    drop(rustls::crypto::ring::default_provider().install_default());
}
