//! What every ledger must do.

pub(crate) mod access;
pub(crate) mod claim;
mod cost;
pub(crate) mod crew;
pub(crate) mod crowd;
pub(crate) mod end;
pub(crate) mod fail;
mod farm;
pub(crate) mod history;
pub(crate) mod hooks;
pub(crate) mod keep;
pub(crate) mod lost;
pub(crate) mod quality;
pub(crate) mod race;
pub(crate) mod records;
pub(crate) mod release;
pub(crate) mod reopen;
pub(crate) mod steer;
pub(crate) mod submit;
pub(crate) mod take;

pub(crate) use farm::{Postgres, Sqlite, SqliteInMemory, SqliteScratch};

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
                a_failed_job_is_taken_up_again a_cancelled_job_is_taken_up_again only_ended_jobs_are_taken_up
                work_that_stands_still_is_taken_back a_thousand_leases_are_taken_back_at_a_time
                why_a_job_was_cancelled_is_kept a_ledger_that_answers_says_so
                a_ledger_tells_how_far_a_clock_is_off;
            release: what_is_chosen_is_released_once the_order_of_the_choice_is_the_order_of_taking
                a_view_tells_all_that_the_choice_needs tasks_that_are_alike_are_counted every_tenant_and_pool_has_its_first_candidates
                crowds_are_live_workers_that_take_tasks full_held_and_waiting_work_is_no_candidate
                what_nobody_took_is_rung_for_again ringing_again_changes_no_order
                tasks_that_nobody_can_take_hide_no_others what_comes_back_is_released_anew;
            take: a_worker_takes_what_is_released_and_nothing_else sixteen_workers_take_five_hundred_tasks_once
                urgent_work_comes_first_then_what_is_prepared_here a_worker_keeps_to_its_reach
                a_task_goes_to_somebody_who_did_not_fail_it whoever_is_alone_gets_his_task_back
                three_different_workers_fail_a_job six_failures_are_enough_where_there_are_few_workers;
            steer: a_paused_job_is_called_back what_is_under_way_in_a_paused_job_is_finished
                what_comes_back_to_a_paused_job_stays_there a_draining_job_ends_with_what_is_under_way
                a_new_priority_acts_on_released_tasks only_running_jobs_are_steered
                what_a_preview_needs_is_handed_out_alone a_preview_without_approval_lets_the_rest_follow
                a_paused_preview_is_one_after_the_pause an_approval_may_come_early tenants_are_kept
                tenants_have_jobs_of_their_own;
            keep: what_was_kept_long_enough_is_told nothing_is_removed_right_after_the_end
                what_a_running_job_reads_is_kept a_job_whose_work_is_gone_is_made_again;
            crew: workers_are_listed_as_they_said_last what_a_worker_did_is_counted
                orders_are_handed_over_once_and_drain_stays workers_not_heard_of_for_a_day_are_forgotten;
            history: attempts_tell_how_each_ended reclaimed_attempts_are_given_back events_tell_a_jobs_life
                events_are_filtered_and_continued a_reader_misses_no_event rates_are_medians_of_what_was_done_lately;
            records: tasks_are_listed_page_by_page jobs_are_listed_page_by_page jobs_are_filtered a_list_shows_jobs_as_they_are
                a_census_counts_open_work what_a_tenant_has_is_counted a_standing_tells_why_a_job_waits;
            quality: what_was_measured_comes_back_in_the_order_of_the_film
                only_the_attempt_that_holds_the_lease_keeps_measures a_warning_is_told_once_and_to_the_webhook;
            access: tokens_are_found_by_digest_until_they_end a_token_that_exists_is_not_replaced
                a_request_is_answered_once of_two_same_requests_one_is_new keys_are_free_again_in_time
                acts_are_kept_for_the_audit changes_of_access_are_in_the_audit;
            hooks: events_that_are_wanted_become_deliveries a_delivery_is_taken_by_one_and_comes_again
                a_settled_delivery_stays_settled a_delivery_is_sent_again_on_request
                of_each_job_the_earliest_delivery_is_taken what_is_sent_again_is_held_back_by_nothing;
            race: one_attempt_completes_a_task needs_that_are_done_together_ready_a_task_once
                what_is_readied_beside_a_pause_is_held a_task_that_ends_beside_its_job_counts_or_is_cancelled;
        });
    };
}
pub(crate) use contract;

/// The cases of a ledger that outlives its process.
macro_rules! lasting {
    ($keeper:path) => {
        crate::suite!(ledger on $keeper {
            reopen: everything_is_there_after_reopening two_openings_see_the_same_ledger;
            crowd: two_coordinators_release_each_task_once counting_waits_for_no_round nothing_is_lost_in_a_crowd;
        });
    };
}
pub(crate) use lasting;
