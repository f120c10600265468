//! Pages in a real browser: headless Chromium opens one from disk and the page checks itself.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Killed when dropped, so that a failing test leaves no browser behind.
struct Browser(Child);

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Opens a page of embex from disk, in a window `width` pixels wide, lets it hover over `hovers`
/// points, and returns what it found out about itself, as JSON. The browser's profile is left
/// beside the page.
///
/// `None`, with a line that says so, where no Chromium is on the path.
///
/// # Panics
/// Without Chromium where the variable `EMBEX_NEEDS_CHROMIUM` is set, so that a machine meant to
/// check pages does check them; if the page says nothing within two minutes.
#[allow(clippy::print_stdout)] // a skipped test says so
pub fn self_test(page: &Path, width: usize, hovers: usize) -> Option<String> {
    let Some(chromium) = chromium() else {
        let is_needed = std::env::var_os("EMBEX_NEEDS_CHROMIUM").is_some();
        assert!(!is_needed, "EMBEX_NEEDS_CHROMIUM is set and no chromium is on the path");
        println!("skipped: no chromium on the path");
        return None;
    };
    let profile = page.with_extension("profile");
    let mut child = start(&chromium, page, (width, hovers), &profile);
    let log = BufReader::new(child.stderr.take().expect("was piped"));
    let _browser = Browser(child);
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for line in log.split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            let found = line.split("embex selftest: ").nth(1).and_then(|l| l.split(" :end").next());
            if let Some(found) = found {
                let _ = tell.send(found.to_owned());
            }
        }
    });
    Some(told.recv_timeout(Duration::from_secs(120)).expect("the page reports"))
}

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|candidate| candidate.is_file())
}

fn start(chromium: &Path, page: &Path, (width, hovers): (usize, usize), profile: &Path) -> Child {
    Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"])
        .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
        .args(["--disable-component-update", "--enable-logging=stderr"])
        .arg(format!("--window-size={width},1000"))
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}#selftest={hovers}", page.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts")
}
