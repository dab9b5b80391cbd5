//! A piece of a long table: rows that are still needed.

/// Rows of a longer table, the first of which has the number `first`.
pub(crate) struct Rows {
    width: usize,
    first: usize,
    data: Vec<f32>,
}

impl Rows {
    /// No rows yet, of `width` numbers each.
    pub(crate) fn new(width: usize) -> Self {
        Self { width, first: 0, data: Vec::new() }
    }

    /// Numbers in a row.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The number of the first row that is held.
    pub(crate) fn first(&self) -> usize {
        self.first
    }

    /// The number of the row that comes next.
    pub(crate) fn end(&self) -> usize {
        self.first + self.data.len() / self.width
    }

    /// Appends whole rows.
    pub(crate) fn extend(&mut self, rows: Vec<f32>) {
        self.data.extend(rows);
    }

    /// The numbers of one row, which must be held.
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        self.slice(row, row + 1)
    }

    /// The numbers of the rows `[from, to)`, which must be held.
    pub(crate) fn slice(&self, from: usize, to: usize) -> &[f32] {
        &self.data[(from - self.first) * self.width..(to - self.first) * self.width]
    }

    /// Drops the rows before `row`.
    pub(crate) fn forget_before(&mut self, row: usize) {
        let row = row.clamp(self.first, self.end());
        self.data.drain(..(row - self.first) * self.width);
        self.first = row;
    }

    /// Rows held.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.data.len() / self.width
    }
}
