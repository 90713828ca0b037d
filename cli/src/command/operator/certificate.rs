//! `freehold operator certificate`: the key is made here and stays here; the controller signs its public half.

use crate::Environment;
use crate::connect::Api;
use crate::error::Failure;
use crate::names;
use crate::output::{Screen, time};
use clap::{Args, Subcommand};
use freehold_certs::CertificateDer;
use freehold_certs::credentials::{Credentials, Roots};
use freehold_certs::folder::{FolderError, IdentityFolder};
use freehold_certs::identity::Identity;
use freehold_certs::request::KeyAndRequest;
use freehold_core::name::OperatorName;
use freehold_proto::v1;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key and have it certified; the folder is what --identity takes
    Issue(Issue),
    /// Revoke a certificate, at once
    Revoke {
        /// Whose
        #[arg(value_parser = names::operator)]
        operator: OperatorName,
        /// Its serial number, as `freehold operator show` has it
        serial: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// For whom
    #[arg(value_parser = names::operator)]
    operator: OperatorName,
    /// The folder to keep key and certificate in; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(crate) async fn run(
    command: Command,
    api: &Api,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    match command {
        Command::Issue(issue) => {
            let folder = IdentityFolder::open(&environment.folder.join(&issue.out)).map_err(kept)?;
            let credentials = self::issue(&issue.operator, &folder, api).await?;
            let until = prost_types::Timestamp::from(credentials.leaf().validity.not_after);
            writeln!(
                screen.out,
                "{} certified as {} until {}",
                folder.identity_path().display(),
                credentials.leaf().spiffe_id(),
                time(Some(&until))
            )?;
            screen.note(&format!(
                "use it: freehold profile add NAME --endpoint {} --identity {}",
                api.target().endpoint,
                issue.out.display()
            ))
        }
        Command::Revoke { operator, serial } => {
            let request = v1::RevokeOperatorCertificateRequest { name: operator.to_string(), serial };
            screen.one(&api.call_once(async { api.operators().revoke_operator_certificate(request).await }).await?)
        }
    }
}

/// A key that is durable before it is certified: should the answer be lost, the next try asks for the same key.
async fn issue(operator: &OperatorName, folder: &IdentityFolder, api: &Api) -> Result<Credentials, Failure> {
    if let Some(present) = folder.credentials().map_err(kept)? {
        refuse_other(operator, &present, folder)?;
    }
    let key = folder.pending_key().map_err(kept)?;
    let asked = KeyAndRequest::of(key).map_err(|error| Failure::Odd(crate::connect::chain(&error)))?;
    let request =
        v1::IssueOperatorCertificateRequest { name: operator.to_string(), csr_der: asked.request.as_ref().to_vec() };
    let answer = api.call_once(async { api.operators().issue_operator_certificate(request).await }).await?;
    let certificates = |list: Vec<Vec<u8>>| list.into_iter().map(CertificateDer::from).collect::<Vec<_>>();
    let roots = Roots::new(certificates(answer.roots_der))
        .map_err(|error| Failure::Odd(format!("the controller's roots: {}", crate::connect::chain(&error))))?;
    folder.write_roots(&roots).map_err(kept)?;
    folder.accept(certificates(answer.chain_der)).map_err(kept)
}

/// A folder of somebody else, or of a program, is not overwritten.
fn refuse_other(operator: &OperatorName, present: &Credentials, folder: &IdentityFolder) -> Result<(), Failure> {
    let same = matches!(&present.leaf().identity, Identity::Operator(name) if name.as_str() == operator.id());
    match same {
        true => Ok(()),
        false => Err(Failure::Usage(format!(
            "{} is the identity of {}; give another folder with --out",
            folder.identity_path().display(),
            present.leaf().spiffe_id()
        ))),
    }
}

fn kept(error: FolderError) -> Failure {
    Failure::Connect(error.into())
}
