//! What every ledger must do.

pub(crate) mod claim;
pub(crate) mod end;
pub(crate) mod fail;
mod farm;
pub(crate) mod lost;
pub(crate) mod reopen;
pub(crate) mod submit;

pub(crate) use farm::{Postgres, Sqlite, SqliteInMemory};

/// The cases of every ledger.
macro_rules! contract {
    ($keeper:path) => {
        crate::suite!(ledger on $keeper {
            submit: a_new_job_is_ready_to_prepare submitting_twice_changes_nothing an_unknown_job_is_empty
                a_broken_plan_is_refused candidates_come_by_rest_then_submission_then_plan candidates_keep_to_their_number
                progress_counts_segments_and_tasks;
            claim: a_claim_gives_all_that_is_needed of_two_claims_one_wins fifty_workers_share_two_hundred_tasks
                attempts_grow only_ready_tasks_are_claimed a_renewal_keeps_the_lease a_renewal_of_a_lost_lease_says_so;
            end: a_task_is_ready_when_all_its_needs_are_done the_film_ends_the_job inputs_name_the_attempt_that_counts
                a_late_attempt_is_refused_everywhere a_task_given_back_counts_no_failure a_done_task_takes_no_step;
            fail: a_failure_waits_before_the_next_attempt the_last_failure_fails_the_job an_error_may_allow_fewer_attempts
                a_wrong_order_fails_at_once a_stop_gives_the_task_back;
            lost: a_lease_that_ran_out_is_taken_back a_task_that_loses_its_workers_is_given_up
                two_lost_tasks_of_one_job_fail_it_once reclaim_counts_no_failure cancel_ends_the_job_and_its_leases
                a_failed_job_is_taken_up_again a_cancelled_job_is_taken_up_again only_ended_jobs_are_taken_up;
        });
    };
}
pub(crate) use contract;

/// The cases of a ledger that outlives its process.
macro_rules! lasting {
    ($keeper:path) => {
        crate::suite!(ledger on $keeper {
            reopen: everything_is_there_after_reopening two_openings_see_the_same_ledger;
        });
    };
}
pub(crate) use lasting;
