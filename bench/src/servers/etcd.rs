//! Three etcd servers.

use std::process::Command;

use shylock_bench_worker::Failure;

use super::debian::{self, Program};
use super::process::{self, Server};

const MEMBERS: usize = 3;

#[derive(Debug)]
pub(crate) struct Etcd {
    pub(crate) url: String,
    pub(crate) description: String,
    _servers: Vec<Server>,
}

struct Member {
    name: String,
    client: u16,
    peer: u16,
}

impl Etcd {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let program = debian::program("etcd", &["etcd-server"])?;
        let version = process::version(&program.path, &program.libraries)?;
        let mut members = Vec::new();
        for number in 0..MEMBERS {
            let (client, peer) = (process::free_port()?, process::free_port()?);
            members.push(Member { name: format!("member{number}"), client, peer });
        }
        let all: Vec<String> = members
            .iter()
            .map(|member| format!("{}=http://127.0.0.1:{}", member.name, member.peer))
            .collect();
        let mut servers = Vec::new();
        for member in &members {
            servers.push(spawn(&program, member, &all.join(","))?);
        }
        for (server, member) in servers.iter_mut().zip(&members) {
            server.listens(member.client).await?;
        }
        Ok(Self {
            url: format!("http://127.0.0.1:{}", members[0].client),
            description: format!("{}: three members", version.replace(" Version:", "")),
            _servers: servers,
        })
    }
}

fn spawn(program: &Program, member: &Member, all: &str) -> Result<Server, Failure> {
    let data = process::data()?;
    let client = format!("http://127.0.0.1:{}", member.client);
    let peer = format!("http://127.0.0.1:{}", member.peer);
    let mut command = Command::new(&program.path);
    command.args(["--name", &member.name, "--initial-cluster", all, "--data-dir"]).arg(data.path());
    command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
    command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    Server::spawn(&mut command, data)
}
