//! What goes over the wire. The types of [`shared`] stay free to change; these are the contract.

pub(crate) mod chains;
pub(crate) mod crew;
pub(crate) mod estimate;
pub(crate) mod job;
pub(crate) mod order;
pub(crate) mod picture;
pub(crate) mod quality;
pub(crate) mod records;
pub(crate) mod tenant;

/// One page of a list.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct Page<T> {
    /// The things on this page.
    pub(crate) items: Vec<T>,
    /// Give it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}
