//! `gangway partner welcome ID`: the page for a partner, and its sample files.

use std::{fs, net::SocketAddr, path::PathBuf, process::ExitCode};

use super::{OnDisk, samples};
use crate::{
    cli::{operate::Where, print_text},
    config::Settings,
    doors::sftp::HostKeys,
    onboard::{Endpoints, Welcome},
    partner::Partner,
};

/// Makes `partners/ID.welcome.md` and the sample files anew.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    /// The partner.
    id: String,
    /// The name by which suppliers reach this gateway, like edi.maker.example.
    #[arg(long)]
    host: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let disk = OnDisk::read(&args.at)?;
    let partner = disk.partner(&args.id)?;
    let written = write(&disk.settings, &partner, args.host.as_deref())?;
    print_text(&format!("wrote {}\n", written.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the page and the samples; answers with the page's path.
pub(super) fn write(settings: &Settings, partner: &Partner, host: Option<&str>) -> anyhow::Result<PathBuf> {
    let samples = samples::write(&settings.partners, partner)?;
    let host_keys = match &partner.sftp {
        Some(_) => HostKeys::open(&settings.data.join("sftp"), settings.sftp.rsa_host_key)?.fingerprints(),
        None => Vec::new(),
    };
    let endpoints = endpoints(settings, host);
    let certificate = match &settings.as2.certificate {
        Some(path) => format!("`{}`", path.display()),
        None => "made on first start; sent apart from this page".to_owned(),
    };
    let as2 = Some((settings.as2.id.as_str(), certificate.as_str()));
    let page = Welcome { partner, endpoints: &endpoints, host_keys: &host_keys, as2, samples: &samples };
    let path = settings.partners.join(format!("{}.welcome.md", partner.id));
    fs::write(&path, page.text())?;
    Ok(path)
}

/// Where suppliers reach this gateway, by its settings.
pub(super) fn endpoints(settings: &Settings, host: Option<&str>) -> Endpoints {
    let (https, http) = (settings.public.https.get(), settings.public.http.get());
    let name = |at: SocketAddr| host.map_or_else(|| at.ip().to_string(), str::to_owned);
    let base = match (https, http, host) {
        // Over TLS, unless it is only for trying on one's own machine.
        (Some(at), _, Some(_)) => Some(if at.port() == 443 {
            format!("https://{}", name(at))
        } else {
            format!("https://{}:{}", name(at), at.port())
        }),
        (_, Some(at), _) => Some(format!("http://{}:{}", name(at), at.port())),
        (Some(at), None, None) => Some(format!("https://{}:{}", name(at), at.port())),
        (None, None, _) => None,
    };
    let sftp = settings.sftp.address.get();
    let bound = [https, http, sftp];
    Endpoints {
        as2: base.as_ref().map(|base| format!("{base}/as2")),
        api: base,
        sftp: sftp.map(|at| (name(at), at.port())),
        local: host.is_none() && bound.iter().flatten().all(|at| at.ip().is_loopback()),
    }
}
