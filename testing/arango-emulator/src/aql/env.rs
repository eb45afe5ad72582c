//! The values of the variables at one place of a query.

use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

use super::ast::Name;

/// A chain of variables; adding one shares the rest.
#[derive(Debug, Clone, Default)]
pub(crate) struct Env(Option<Rc<Frame>>);

#[derive(Debug)]
struct Frame {
    name: Name,
    value: Arc<Value>,
    rest: Env,
}

impl Env {
    pub(crate) fn with(&self, name: &Name, value: Arc<Value>) -> Self {
        Self(Some(Rc::new(Frame { name: Name::clone(name), value, rest: self.clone() })))
    }

    /// The value given last to that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Value>> {
        let mut frame = self.0.as_deref();
        while let Some(held) = frame {
            if &*held.name == name {
                return Some(&held.value);
            }
            frame = held.rest.0.as_deref();
        }
        None
    }
}
