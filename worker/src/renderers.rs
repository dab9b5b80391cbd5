//! Renderers that are kept from task to task, so that a job is not taken up anew for each of its segments.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use shared::{JobId, ports::Renderer};

/// Renderers that nobody uses at the moment, the latest last.
#[derive(Default)]
pub(crate) struct Renderers {
    idle: Mutex<VecDeque<(JobId, Box<dyn Renderer>)>>,
}

/// Renderers kept: those of the job at hand and of the one before it.
const MOST: usize = 2;

impl Renderers {
    /// A renderer of `job` that was put back before.
    pub(crate) fn take(&self, job: &JobId) -> Option<Box<dyn Renderer>> {
        let mut idle = self.lock();
        let at = idle.iter().rposition(|(of, _)| of == job)?;
        idle.remove(at).map(|(_, renderer)| renderer)
    }

    /// Keeps a renderer for the next task of `job`. One whose call failed is not put back.
    pub(crate) fn put_back(&self, job: &JobId, renderer: Box<dyn Renderer>) {
        let mut idle = self.lock();
        idle.push_back((job.clone(), renderer));
        while idle.len() > MOST {
            idle.pop_front();
        }
    }

    /// The jobs whose prepared features are still here.
    pub(crate) fn jobs(&self) -> Vec<JobId> {
        self.lock().iter().map(|(job, _)| job.clone()).collect()
    }

    /// Lets all of them go.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, VecDeque<(JobId, Box<dyn Renderer>)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{
        Picture, Result, Tensor,
        ports::{ClipInput, Control},
    };

    struct Nothing;

    impl Renderer for Nothing {
        fn render(&mut self, _: &ClipInput, _: &mut dyn FnMut(u32) -> Control) -> Result<Tensor> {
            Tensor::new([0], vec![])
        }

        fn decode(&mut self, _: &Tensor, _: u64) -> Result<Vec<Picture>> {
            Ok(vec![])
        }
    }

    #[test]
    fn the_oldest_goes_first_and_a_job_gets_its_own() {
        let renderers = Renderers::default();
        let jobs: Vec<JobId> = ["a", "b", "c"].map(|letter| letter.repeat(32).parse().unwrap()).into();
        for job in &jobs {
            renderers.put_back(job, Box::new(Nothing));
        }
        assert_eq!(renderers.jobs(), jobs[1..]);
        assert!(renderers.take(&jobs[0]).is_none());
        assert!(renderers.take(&jobs[2]).is_some());
        assert!(renderers.take(&jobs[2]).is_none(), "it is in use");
        assert!(renderers.take(&jobs[1]).is_some());
        renderers.put_back(&jobs[1], Box::new(Nothing));
        renderers.clear();
        assert!(renderers.jobs().is_empty());
    }
}
