//! A real nginx with the site file that people are given, and a phone that speaks TLS to it.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wxauth_sandbox::Sandbox;

use super::TemporaryFile;
use super::http::Answer;

const PATIENCE: Duration = Duration::from_secs(20);
/// Somebody else may take a port between finding it and nginx's start.
const TRIES: u32 = 5;

/// Stopped when dropped.
pub struct Nginx {
    process: Child,
    files: TemporaryFile,
    pub port: u16,
    pub plain_port: u16,
}

impl Nginx {
    /// In front of the server at this address.
    pub fn before(server: &str) -> Self {
        (0..TRIES)
            .find_map(|_| Self::start(server))
            .expect("nginx starts; scripts/install-missing installs it")
    }

    fn start(server: &str) -> Option<Self> {
        let (port, plain_port) = (free_port(), free_port());
        let certified = rcgen::generate_simple_self_signed(["api.example.com".to_owned()]).unwrap();
        let files = TemporaryFile::new("fullchain.pem", certified.cert.pem());
        let directory = files.beside("");
        let directory = directory.to_str().expect("UTF-8").trim_end_matches('/');
        fs::write(files.beside("privkey.pem"), certified.signing_key.serialize_pem()).unwrap();
        let site = include_str!("../../../packaging/nginx/wxauth.conf")
            .replace("server 127.0.0.1:8080;", &format!("server {server};"))
            .replace("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"))
            .replace("listen 80", &format!("listen 127.0.0.1:{plain_port}"))
            .replace("listen [::]:443 ssl;", "")
            .replace("listen [::]:80;", "")
            .replace("/etc/nginx/wxauth", directory)
            .replace("/var/log/nginx", directory);
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {directory}/{name};\n"))
            .concat();
        let whole = format!(
            "daemon off; worker_processes 1; pid {directory}/pid;\n\
             events {{}}\nhttp {{\n{paths}{site}}}\n"
        );
        fs::write(files.beside("nginx.conf"), whole).unwrap();
        let process = Command::new("nginx")
            .args(["-p", directory, "-e", "stderr", "-c", "nginx.conf"])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx is installed; scripts/install-missing does it");
        let mut nginx = Self { process, files, port, plain_port };
        nginx.answers().then_some(nginx)
    }

    fn answers(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && self.process.try_wait().is_ok_and(|end| end.is_none()) {
            if std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    /// Asks over TLS for a path, as a phone would that trusts the certificate.
    pub fn ask(&self, path: &str, options: &[&str]) -> Answer {
        let (port, name) = (self.port, "api.example.com");
        self.curl(&format!("https://{name}:{port}{path}"), &format!("{name}:{port}"), options)
    }

    /// The same without TLS.
    pub fn ask_plainly(&self, path: &str) -> Answer {
        let (port, name) = (self.plain_port, "api.example.com");
        self.curl(&format!("http://{name}:{port}{path}"), &format!("{name}:{port}"), &[])
    }

    /// Alice's page logs in and opens her phone, each request with these options of curl.
    pub fn play(&self, wechat: &Sandbox, options: &[&str]) {
        let post = |path: &str, body: Value| {
            let answer = self.ask(path, &[options, &["-d", &body.to_string()]].concat());
            answer.assert_ok();
            answer
        };
        let openid = post("/code2Session", json!({"jsCode": wechat.login("alice")})).text("openid");
        let data = wechat.phone("alice");
        let body = json!({"openid": openid, "encryptedData": data.encrypted_data, "iv": data.iv});
        assert_eq!(post("/getWXUserPhone", body).text("phoneNumber"), "13580006666");
    }

    fn curl(&self, url: &str, host: &str, options: &[&str]) -> Answer {
        let output = Command::new("curl")
            .args(["-q", "--silent", "--show-error", "--include", "--max-time", "60"])
            .args(["--noproxy", "*", "--http1.1", "--cacert", self.files.path()])
            .args(["--resolve", &format!("{host}:127.0.0.1"), url])
            .args(options)
            .output()
            .expect("curl is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        parse(&output.stdout)
    }

    /// What nginx has written into its two logs.
    pub fn log(&self) -> String {
        let read = |name| self.files.read_beside(name).unwrap_or_default();
        read("wxauth.access.log") + &read("wxauth.error.log")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its worker ends with it, which would outlive a kill.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

fn parse(output: &[u8]) -> Answer {
    let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a whole head");
    let head = String::from_utf8_lossy(&output[..end]);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
    let mut headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    headers.sort();
    Answer {
        status: status.parse().expect("a number"),
        headers,
        body: output[end + 4..].to_vec(),
        elapsed: Duration::ZERO,
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}
