//! The kernels, compiled as C++ and carried out by the CPU, against the CPU's own operators.

use super::{
    check::{Kind, check},
    within,
};

#[test]
fn every_operator_agrees_with_the_cpu_in_all_kinds_of_numbers() {
    for kind in Kind::ALL {
        let rows = within(|| check(None, kind));
        for row in &rows {
            println!("{:5} {:48} {:.1e}", kind.name(), row.name, row.error);
        }
        let wrong: Vec<_> = rows.iter().filter(|row| !row.passes).collect();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", kind.name());
    }
}
