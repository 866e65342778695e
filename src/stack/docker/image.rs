//! Which image to start: the one that was asked for, the official one, or one that was built without a registry.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::TryStreamExt;
use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::{CreateImageOptionsBuilder, ListImagesOptionsBuilder};

/// The official image's tag if no version is wanted.
const DEFAULT_MAJOR: &str = "17";
/// What `.ci/build-image` calls its images.
const BUILT: &str = "tenant-chaos-postgres";
/// A pull must end within this: some 150 MB.
const PULL_LIMIT: Duration = Duration::from_secs(300);

/// Name and tag of an image that the engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) name: String,
    pub(super) tag: String,
}

impl std::fmt::Display for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.name, self.tag)
    }
}

impl Image {
    /// Splits a reference: the tag is what follows the last colon, unless that one belongs to a registry's port.
    fn of(reference: &str) -> Self {
        match reference.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
            Some((name, tag)) => Self { name: name.to_owned(), tag: tag.to_owned() },
            None => Self { name: reference.to_owned(), tag: "latest".to_owned() },
        }
    }
}

/// The image to start, pulled if the engine does not have it.
///
/// # Errors
/// What was tried and why it failed, in a sentence, and the command that mends it.
pub(super) async fn choose(
    docker: &Docker,
    wanted: Option<&str>,
    major: Option<&str>,
) -> Result<Image, (String, String)> {
    if let Some(reference) = wanted {
        let image = Image::of(reference);
        return match has(docker, &image).await {
            true => Ok(image),
            false => pull(docker, image, format!("docker pull {reference}, or docker load < FILE")).await,
        };
    }
    let official = Image { name: "postgres".to_owned(), tag: major.unwrap_or(DEFAULT_MAJOR).to_owned() };
    if has(docker, &official).await {
        return Ok(official);
    }
    match built(docker, major).await {
        Some(image) => Ok(image),
        None => {
            let mend = format!("docker pull {official}, or without a registry: .ci/build-image (docs/images.md)");
            pull(docker, official, mend).await
        }
    }
}

async fn has(docker: &Docker, image: &Image) -> bool {
    docker.inspect_image(&image.to_string()).await.is_ok()
}

/// An image that was built here: of the wanted version, or the newest.
async fn built(docker: &Docker, major: Option<&str>) -> Option<Image> {
    let ours = HashMap::from([("reference", vec![BUILT])]);
    let images = docker.list_images(Some(ListImagesOptionsBuilder::new().filters(&ours).build())).await.ok()?;
    let images = images.into_iter().flat_map(|image| image.repo_tags).map(|reference| Image::of(&reference));
    images
        .filter(|image| major.is_none_or(|major| major == image.tag))
        .max_by_key(|image| image.tag.parse::<u32>().unwrap_or(0))
}

async fn pull(docker: &Docker, image: Image, mend: String) -> Result<Image, (String, String)> {
    let options = CreateImageOptionsBuilder::new().from_image(&image.name).tag(&image.tag).build();
    let pulling = docker.create_image(Some(options), None, None).try_collect::<Vec<_>>();
    let why = match tokio::time::timeout(PULL_LIMIT, pulling).await {
        Ok(Ok(_)) => return Ok(image),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("not within {PULL_LIMIT:?}"),
    };
    Err((format!("the engine has no image {image}, and it cannot be pulled: {why}"), mend))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tag is told from a registry's port.
    #[test]
    fn references_are_split() {
        let image = |name: &str, tag: &str| Image { name: name.to_owned(), tag: tag.to_owned() };
        assert_eq!(Image::of("postgres"), image("postgres", "latest"));
        assert_eq!(Image::of("postgres:17"), image("postgres", "17"));
        assert_eq!(Image::of("localhost:5000/pg"), image("localhost:5000/pg", "latest"));
        assert_eq!(Image::of("localhost:5000/pg:16-alpine"), image("localhost:5000/pg", "16-alpine"));
        assert_eq!(Image::of("postgres@sha256:abc").to_string(), "postgres@sha256:abc");
    }
}
