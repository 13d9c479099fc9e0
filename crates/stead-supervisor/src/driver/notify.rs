// temporary
use super::*; use super::engine::*; use std::ffi::OsString; use std::path::Path;
pub(super) struct Bound; pub(super) struct Listening;
pub(super) fn bind(_: &Path, _: &ServiceName) -> std::io::Result<Bound> { Ok(Bound) }
impl Bound { pub(super) fn address(&self)->OsString { "x".into() } pub(super) fn listen(self, _: Arc<stead_os::process::Process>, _: usize, _: u64, _: mpsc::Sender<Report>) -> Listening { Listening } }
