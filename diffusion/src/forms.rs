//! A network in the form in which the job at hand wants it computed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::{Result, job::Compute};

use crate::{device::Device, kernels::Form};

type Load<N> = Box<dyn Fn(Form) -> Result<N> + Send + Sync>;

/// A network that is loaded anew when a job wants another form than the one before; only one form is held.
pub(crate) struct Forms<N> {
    device: Device,
    load: Load<N>,
    held: Mutex<Option<(Form, Arc<N>)>>,
}

impl<N> Forms<N> {
    /// Loads the network on `device` in the form of jobs that say nothing, by `load`.
    ///
    /// # Errors
    /// Those of `load`.
    pub(crate) fn new(device: Device, load: impl Fn(Form) -> Result<N> + Send + Sync + 'static) -> Result<Self> {
        let forms = Self { device, load: Box::new(load), held: Mutex::default() };
        forms.get(None)?;
        Ok(forms)
    }

    /// The network as exact as `compute` asks.
    ///
    /// # Errors
    /// When the device has no such form. When it must be loaded anew and its files were altered or removed meanwhile.
    pub(crate) fn get(&self, compute: Option<Compute>) -> Result<Arc<N>> {
        let form = Form::on(self.device, compute)?;
        let mut held = self.lock();
        if let Some((_, network)) = held.as_ref().filter(|(held, _)| *held == form) {
            return Ok(Arc::clone(network));
        }
        // The other one goes first, so that memory for both is needed only while somebody still draws with it.
        *held = None;
        let network = Arc::new((self.load)(form)?);
        *held = Some((form, Arc::clone(&network)));
        Ok(network)
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Form, Arc<N>)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn one_form_is_held_and_another_is_loaded_when_it_is_wanted() {
        let loads = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&loads);
        let forms = Forms::new(Device::Cpu, move |form| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(form)
        })
        .unwrap();
        assert_eq!(*forms.get(Some(Compute::F32)).unwrap(), Form::of(Compute::F32));
        assert_eq!(loads.load(Ordering::SeqCst), 1);
        assert_eq!(*forms.get(Some(Compute::Bf16)).unwrap(), Form::of(Compute::Bf16));
        // Where there are no instructions for short numbers, both are one form.
        let before = 1 + usize::from(Form::of(Compute::Bf16) != Form::of(Compute::F32));
        assert_eq!(loads.load(Ordering::SeqCst), before);
        assert_eq!(*forms.get(Some(Compute::Exact)).unwrap(), Form::Exact);
        assert_eq!(loads.load(Ordering::SeqCst), before + 1);
    }

    #[test]
    fn a_form_that_cannot_be_loaded_is_tried_again() {
        let forms = Forms::new(Device::Cpu, |form| match form {
            Form::Exact => Err(shared::Error::world("the file is gone")),
            form => Ok(form),
        });
        let forms = forms.unwrap();
        assert!(forms.get(Some(Compute::Exact)).is_err());
        assert_eq!(*forms.get(Some(Compute::F32)).unwrap(), Form::of(Compute::F32));
    }
}
