//! Starts the services of a farm for tests.
