//! temporary
use stead_model::definition::Check; use stead_model::name::ServiceName; use tokio::sync::mpsc;
#[derive(Clone)] pub struct Checker; pub struct Running; pub struct Outcome { pub run: u64, pub check: usize, pub success: bool, pub output: String }
impl Checker { pub fn start(&self, _: &ServiceName, _: &Check, _: usize, _: u64, _: mpsc::Sender<Outcome>) -> Running { Running } }
