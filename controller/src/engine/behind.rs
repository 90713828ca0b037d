//! How far the views may be behind the writer, in changes: what a frame of many changes holds in memory is as much as thousands of others do.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Changes on their way to the views, all frames together; past that the writer waits. One frame may have more by itself.
const CHANGES_MAX: usize = 200_000;

/// What is on its way; copies count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Behind(Arc<Counted>);

#[derive(Debug, Default)]
struct Counted {
    changes: Mutex<usize>,
    fewer: Condvar,
}

/// So many changes that are on their way, until it is dropped.
#[derive(Debug)]
pub(super) struct OnItsWay {
    behind: Behind,
    changes: usize,
}

impl Behind {
    /// Waits until there is room for so many more.
    pub(super) fn send(&self, changes: usize) -> OnItsWay {
        let counted = self.0.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |counted: &mut usize| *counted > 0 && *counted + changes > CHANGES_MAX;
        let mut counted = self.0.fewer.wait_while(counted, is_full).unwrap_or_else(PoisonError::into_inner);
        *counted += changes;
        OnItsWay { behind: self.clone(), changes }
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let Behind(behind) = &self.behind;
        *behind.changes.lock().unwrap_or_else(PoisonError::into_inner) -= self.changes;
        behind.fewer.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn the_writer_waits_for_views_that_are_far_behind() {
        let behind = Behind::default();
        let large = behind.send(3 * CHANGES_MAX);
        let (tell, told) = mpsc::channel();
        let waiting = std::thread::spawn({
            let behind = behind.clone();
            move || {
                let small = behind.send(1);
                tell.send(()).unwrap();
                small
            }
        });
        assert!(told.recv_timeout(Duration::from_millis(50)).is_err(), "it did not wait");
        drop(large);
        told.recv_timeout(Duration::from_secs(10)).unwrap();
        let (_small, _many) = (waiting.join().unwrap(), behind.send(CHANGES_MAX - 1));
    }
}
