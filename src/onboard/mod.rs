//! From a name to a live partner: the file that describes it, the page that it is sent, what it has to show, and the small
//! changes to its file that a command makes without losing a comment of the person who wrote it.

mod draft;
mod edit;
mod evidence;
mod welcome;

pub use draft::{As2Answers, CxmlAnswers, Draft, Needs, PushAnswers, SftpAnswers, X12Answers};
pub use edit::{EditError, Edited, add_api_key, remove_api_key, replace, set_status};
pub use evidence::{Progress, Seen, evidence, levels_make_sense, lines_make_the_total, progress};
pub use welcome::{Endpoints, Welcome};
