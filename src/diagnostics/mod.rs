//! Problems in a text file that a user wrote: where, what, and what to write instead.
//!
//! [`Problems`] collects everything that is wrong with one file, so that nobody mends a file mistake by mistake, and
//! turns into a result. [`Diagnostics`] shows the problems of any number of files, with the line and a caret. Text from
//! the files is shown, never acted on: control characters become visible ones.
//!
//! ```
//! use std::path::Path;
//! use tenant_chaos::diagnostics::{Problems, did_you_mean};
//!
//! let mut problems = Problems::of(Path::new("a.toml"), "naem = 1\n");
//! let known = ["name", "why"];
//! problems.at(0..4, "unknown key `naem`").maybe_help(did_you_mean("naem", known));
//! let text = problems.finish(()).unwrap_err().to_string();
//! assert!(text.contains("a.toml:1:1") && text.contains("did you mean `name`?"));
//! ```

mod list;
mod problems;
mod read;
mod render;
mod suggest;
mod text;

pub use list::{Diagnostic, Diagnostics, Place};
pub use problems::{Problem, Problems};
pub use read::{MAX_FILE_BYTES, read_text};
pub use suggest::{closest, did_you_mean};
pub use text::visible;
