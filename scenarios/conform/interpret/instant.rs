//! Statements that never wait: coroutines and callbacks do them alike.

use seedloop::Result;

use super::super::program::Stmt;
use super::body::{Flow, Scope};
use super::flow::raised;
use super::pools::Job;

impl Scope<'_> {
    /// Runs a statement that never waits; none if it may.
    pub(super) fn instant(self, statement: &Stmt) -> Option<Result<Flow>> {
        let result = match statement {
            Stmt::Return { value } => return Some(Ok(self.return_value(value))),
            Stmt::Raise { exc, msg } => Err(raised(*exc, msg)),
            Stmt::Reraise {} => Err(self.reraise()),
            Stmt::Log { msg } => Ok(self.log(format_args!("log {msg}"))),
            Stmt::Spawn { var, coro } => self.spawn(var, coro),
            Stmt::Cancel { var, msg } => self.cancel(var, msg.as_deref()),
            Stmt::Uncancel { var } => self.uncancel(var.as_deref()),
            Stmt::Cancelling { var } => self.cancelling(var.as_deref()),
            Stmt::Future { var } => self.future(var),
            Stmt::SetResult { var, value } => self.set_result(var, value),
            Stmt::SetException { var, msg } => self.set_exception(var, msg),
            Stmt::Status { var } => self.status(var),
            Stmt::OnDone { var, tag, then } => self.on_done(var, tag, then.as_deref()),
            Stmt::CallSoon { tag, then } => self.call_soon(tag, then.as_deref()),
            Stmt::CallLater { t, tag, var, then } => self.call_later(*t, tag, var, then.as_deref()),
            Stmt::CancelTimer { var } => self.timer(var).map(|timer| timer.cancel()),
            Stmt::Gather { of, return_exceptions, var: Some(var) } => {
                self.store_gather(of, *return_exceptions, var)
            }
            Stmt::Shield { item, var: Some(var) } => self.store_shield(item, var),
            Stmt::Reschedule { t } => self.reschedule(t.0),
            Stmt::TgSpawn { tg, var, coro } => self.spawn_in_group(tg, var, coro),
            Stmt::RunInExecutor { pool, tag, dur, outcome, var: Some(var) } => {
                let job = Job { pool: pool.0.as_deref(), tag, duration: *dur, outcome };
                self.store_job(job, var)
            }
            Stmt::New { object, var } => self.new_object(*object, var),
            Stmt::Release { var } => self.release(var),
            Stmt::Locked { var } => self.locked(var),
            Stmt::EventSet { var } => self.event_set(var),
            Stmt::EventClear { var } => self.event_clear(var),
            Stmt::Notify { var, n } => self.notify(var, n.0),
            Stmt::PutNowait { var, value } => self.put_nowait(var, value),
            Stmt::GetNowait { var } => self.get_nowait(var),
            Stmt::TaskDone { var } => self.task_done(var),
            Stmt::Qsize { var } => self.qsize(var),
            Stmt::Shutdown { var, immediate } => self.shutdown(var, *immediate),
            _ => return None,
        };
        Some(result.map(|()| Flow::Next))
    }
}
