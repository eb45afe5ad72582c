//! Which server it is.

use shylock_core::BackendError;

use super::misconfigured;
use crate::error::Failure;
use crate::session::Session;

/// The oldest version that is supported.
const OLDEST: (u32, u32) = (3, 10);

/// What an answer to a query that writes proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deployment {
    /// That the write was committed.
    Single,
    /// Nothing.
    Cluster,
}

/// The server's version, or a word in its place.
pub(super) async fn version(session: &Session) -> Result<String, BackendError> {
    const STEP: &str = "ask for the server's version";
    let answer = session.get("_api/version").await.map_err(|failure| failure.into_error(STEP))?;
    if answer["server"] != "arango" {
        return Err(Failure::Senseless("it does not call itself \"arango\"".into()).into_error(STEP));
    }
    // A hardened server tells its version to administrators only.
    let Some(version) = answer["version"].as_str() else { return Ok("of unknown version".into()) };
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST => Ok(version.to_owned()),
        _ => Err(misconfigured(format!("ArangoDB {version} is too old for locks; use 3.10 or newer"))),
    }
}

/// The kind of deployment. A server that does not tell is treated as a cluster, which is safe and costs a round trip.
pub(super) async fn deployment(session: &Session) -> Result<Deployment, BackendError> {
    let answer = match session.get("_admin/server/role").await {
        Err(failure) if failure.is_passing() => {
            return Err(failure.into_error("ask for the server's role"));
        }
        answer => answer.unwrap_or_default(),
    };
    from_role(answer["role"].as_str(), answer["mode"].as_str())
}

fn from_role(role: Option<&str>, mode: Option<&str>) -> Result<Deployment, BackendError> {
    match (role, mode) {
        (Some("SINGLE"), Some("resilient")) => Err(misconfigured(
            "this ArangoDB server is part of an active failover, which may lose acknowledged writes; use a single server or a cluster".into(),
        )),
        (Some("SINGLE"), _) => Ok(Deployment::Single),
        (Some(role @ ("PRIMARY" | "DBSERVER" | "SECONDARY" | "AGENT")), _) => Err(misconfigured(format!(
            "this server has the role {role} in an ArangoDB cluster; use the address of a coordinator"
        ))),
        _ => Ok(Deployment::Cluster),
    }
}

#[cfg(test)]
mod tests {
    use shylock_core::BackendErrorKind;

    use super::*;

    #[test]
    fn only_a_server_that_says_so_is_a_single_one() {
        assert!(matches!(from_role(Some("SINGLE"), Some("default")), Ok(Deployment::Single)));
        assert!(matches!(from_role(Some("SINGLE"), None), Ok(Deployment::Single)));
        for role in [Some("COORDINATOR"), Some("UNDEFINED"), Some("something new"), None] {
            assert!(matches!(from_role(role, None), Ok(Deployment::Cluster)), "{role:?}");
        }
        for (role, mode) in [("PRIMARY", "default"), ("AGENT", "default"), ("SINGLE", "resilient")] {
            let error = from_role(Some(role), Some(mode)).expect_err("refused");
            assert_eq!(error.kind(), BackendErrorKind::Misconfigured, "{role}");
        }
    }
}
