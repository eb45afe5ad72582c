//! The macro that turns each behaviour into a test.

/// Runs the whole suite over a backend: give it the path of an async function that makes a fresh
/// [`Harness`](crate::conformance::Harness). The example stands in [`conformance`](crate::conformance).
///
/// It expands to one `#[test]` for each behaviour, so invoke it in a module of its own.
#[macro_export]
macro_rules! conformance_suite {
    ($factory:path) => {
        $crate::__conformance_backend!($factory);
        $crate::__conformance_manager!($factory);
    };
}

/// One `#[test]` for each behaviour, from their paths and what they need.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ($factory:path; $($layer:ident :: $topic:ident $([$($needs:ident),+])? { $($behaviour:ident),+ $(,)? })+) => {
        $($crate::__conformance_topic! { $factory; $layer::$topic; [$($($needs),+)?]; $($behaviour)+ })+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_topic {
    ($factory:path; $layer:ident :: $topic:ident; $needs:tt; $($behaviour:ident)+) => {
        $(
            #[test]
            fn $behaviour() {
                $crate::conformance::run_if(
                    $crate::__conformance_needs!($needs),
                    $factory,
                    $crate::conformance::$layer::$topic::$behaviour,
                );
            }
        )+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_needs {
    ([$($needs:ident),*]) => { &[$($crate::conformance::Needs::$needs),*] };
}

/// The behaviours of a backend.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_backend {
    ($factory:path) => {
        $crate::__conformance_tests! { $factory;
            backend::joining {
                the_first_to_join_is_granted,
                one_who_joins_a_held_lock_waits,
                claims_stand_in_the_order_of_joining,
                tokens_grow_by_a_step_at_least_and_stay_exact,
                a_repeated_join_of_a_waiting_claim_keeps_its_place,
                a_repeated_join_extends_the_lease,
                a_repeated_join_never_shortens_the_lease,
                a_repeated_join_sees_that_it_is_granted_by_now,
                owners_come_back_as_they_were,
                only_if_granted_takes_a_free_lock_and_can_be_repeated,
                only_if_granted_leaves_nothing_behind_on_a_held_lock,
                only_if_granted_takes_a_lock_whose_lease_has_ended,
                a_claim_that_lapsed_joins_again_at_the_tail,
                a_snapshot_tells_how_long_ago_a_claim_joined,
            }
            backend::joining [Shared] {
                a_repeated_join_keeps_place_token_mode_and_owner,
                an_answer_shows_every_claim_with_all_its_fields,
            }
            backend::leases {
                a_lease_lasts_for_its_ttl_and_no_longer,
                when_a_lease_ends_the_next_claim_holds,
                a_waiting_claim_lapses_too,
                a_renewal_extends_the_lease_of_a_holder_and_of_a_waiter,
                a_renewal_never_shortens_a_lease,
                a_repeated_renewal_changes_nothing_else,
                a_renewed_claim_outlives_its_first_lease,
                to_renew_a_claim_that_is_not_there_is_gone_and_adds_nothing,
                a_lapsed_claim_is_gone_and_never_comes_back,
                a_claim_that_left_is_gone_and_never_comes_back,
                many_renewals_are_answered_in_their_order,
                one_claim_may_be_renewed_twice_in_a_batch,
                an_empty_batch_has_no_answers,
                each_renewal_of_a_batch_has_a_ttl_of_its_own,
                a_batch_of_hundreds_works,
            }
            backend::leaving {
                when_the_holder_leaves_the_next_claim_holds,
                a_waiter_may_leave,
                to_leave_twice_changes_nothing_more,
                to_leave_a_queue_that_one_is_not_in_is_no_error,
                to_leave_answers_whether_the_claim_was_there,
                one_who_left_joins_again_at_the_tail,
                tokens_grow_across_empty_queues,
                one_who_lingers_holds_until_then,
                one_may_linger_for_longer_than_the_lease,
                one_who_lingers_may_still_leave_at_once,
                one_who_lingers_is_shown_as_leaving,
                one_who_lingers_cannot_be_renewed,
                one_who_lingers_cannot_join_again_before_the_end,
                a_second_linger_keeps_the_end_of_the_first,
                a_waiter_may_linger,
                to_leave_one_lock_touches_no_other,
            }
            backend::modes [Shared] {
                readers_hold_together,
                a_writer_waits_for_all_readers,
                no_reader_overtakes_a_waiting_writer,
                when_a_waiting_writer_leaves_the_readers_behind_it_hold,
                at_most_max_shared_claims_hold,
                of_several_maxes_the_smallest_that_joined_binds,
                exclusive_and_shared_claims_never_hold_together,
                a_free_place_goes_to_the_next_in_order,
                only_if_granted_leaves_no_shared_claim_that_waits,
                many_claims_stand_in_one_queue,
            }
            backend::names {
                names_may_have_characters_that_mean_something_to_a_store,
                names_may_have_control_characters_and_any_unicode,
                names_differ_by_case,
                names_differ_by_white_space,
                names_that_only_look_equal_differ,
                a_name_and_the_names_that_it_begins_differ,
                the_shortest_and_the_longest_names_work,
                long_names_queue_and_renew_like_others,
            }
            backend::listing {
                an_empty_store_lists_nothing,
                names_are_listed_in_the_order_of_their_bytes,
                only_names_with_a_live_queue_are_listed,
                a_name_is_listed_once_however_many_wait,
                a_prefix_selects_the_names_that_begin_with_it,
                a_prefix_is_text_and_no_pattern,
                a_prefix_may_be_any_unicode,
                pages_follow_each_other_without_a_gap,
                lapsed_names_take_no_place_on_a_page,
                a_page_begins_after_a_name_that_need_not_be_there,
            }
            backend::concurrency {
                two_handles_see_one_store,
                claims_that_join_a_new_name_at_once_stand_in_one_order,
                of_many_that_try_at_once_one_gets_the_lock,
                a_join_repeated_at_once_is_one_claim,
                to_look_at_a_queue_changes_nothing,
            }
            backend::concurrency [Shared] {
                after_many_joined_and_left_nothing_remains,
                renewals_and_joins_at_once_lose_nothing,
            }
            backend::values [Values] {
                a_holder_writes_a_value_that_everybody_reads,
                a_value_is_replaced_and_cleared,
                a_repeated_write_changes_nothing_more,
                a_waiter_writes_nothing,
                one_who_is_not_in_the_queue_writes_nothing,
                one_who_left_or_lapsed_writes_nothing,
                one_who_lingers_writes_nothing,
                a_value_outlives_its_holder,
                a_value_outlives_a_holder_that_lapsed,
                a_value_alone_is_not_listed,
                values_come_back_as_they_were,
                a_value_may_have_4096_bytes,
                each_lock_has_a_value_of_its_own,
            }
            backend::values [Values, Shared] {
                every_shared_holder_may_write,
            }
            backend::abandoned {
                the_next_holder_finds_that_the_last_one_lapsed,
                a_waiter_that_comes_to_hold_finds_that_the_last_one_lapsed,
                of_several_that_lapsed_the_last_is_told,
                it_is_told_until_a_holder_leaves,
                to_write_and_renew_does_not_clear_it,
                a_release_in_time_abandons_nothing,
                a_linger_that_ends_abandons_nothing,
                a_waiter_that_lapses_abandons_nothing,
            }
            backend::downgrading [Shared] {
                a_downgrade_lets_in_the_readers_behind_it,
                a_writer_that_waits_keeps_waiting_after_a_downgrade,
                a_downgrade_keeps_token_place_and_lease,
                a_repeated_downgrade_changes_nothing_more,
                a_downgrade_is_refused_to_a_waiter,
                a_downgrade_is_refused_to_a_shared_holder_of_another_mode,
                a_downgrade_is_refused_to_one_who_is_gone_or_leaving,
                a_downgraded_claim_can_be_renewed_and_left,
                nobody_gets_in_between_an_exclusive_and_a_downgraded_holder,
            }
            backend::wakeups {
                wakeups_are_pushed_just_when_the_store_says_so,
                every_handle_has_the_same_capabilities,
            }
            backend::wakeups [Wakeups] {
                a_leave_that_grants_wakes_the_new_holder,
                a_wakeup_reaches_every_subscription_on_any_handle,
                every_manager_is_woken_for_its_own_claims,
                wakeups_name_their_lock,
                a_wakeup_tells_the_token_of_the_holder,
                no_wakeup_names_a_claim_that_waits,
            }
            backend::wakeups [Wakeups, Shared] {
                a_leave_that_grants_several_wakes_them_all,
                a_downgrade_wakes_the_readers_that_it_lets_in,
                a_wakeup_tells_what_was_abandoned,
                a_leave_tells_the_first_that_waits_to_look,
            }
            backend::history {
                random_histories_agree_with_the_queue,
                known_histories_agree_with_the_queue,
            }
        }
    };
}

/// The behaviours of a manager.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_manager {
    ($factory:path) => {
        $crate::__conformance_tests! { $factory;
            manager::excluding {
                tasks_of_one_process_exclude_each_other,
                processes_exclude_each_other,
                tasks_of_several_processes_exclude_each_other,
                waiting_processes_are_granted_in_the_order_of_joining,
                waiting_tasks_are_granted_in_the_order_of_asking,
                a_busy_process_lets_others_have_their_turn,
                without_a_turn_each_guard_lets_the_others_in,
                locks_of_different_names_do_not_wait_for_each_other,
                locks_with_different_options_are_one_lock,
            }
            manager::acquiring {
                try_acquire_is_none_while_somebody_holds,
                try_acquire_takes_a_lock_right_after_its_release,
                try_acquire_takes_a_lock_right_after_its_guard_was_dropped,
                acquire_waits_for_the_release,
                acquire_timeout_gives_up_when_the_time_is_over,
                a_timeout_leaves_nothing_behind,
                acquire_timeout_takes_a_lock_that_is_released_in_time,
                a_name_that_cannot_be_is_invalid_input,
                any_other_name_works,
                an_option_that_cannot_be_is_invalid_input,
            }
            manager::giving_back {
                a_released_lock_is_free_at_once_for_everybody,
                a_dropped_guard_leaves_nothing_behind,
                a_guard_may_be_dropped_outside_the_runtime,
                a_release_that_nobody_waits_for_is_done_all_the_same,
                an_acquire_that_is_dropped_leaves_nothing_behind,
                a_waiting_acquire_that_is_dropped_leaves_nothing_behind,
                a_caller_who_goes_away_does_not_hold_up_those_behind,
                of_callers_in_one_process_the_others_stay_in_line,
                with_gives_the_lock_back_and_answers_what_the_work_did,
                a_panic_inside_with_gives_the_lock_back,
                a_lost_guard_cannot_be_released,
                shutdown_gives_up_everything,
            }
            manager::holding {
                a_guard_that_is_kept_stays_held,
                one_who_waits_for_many_ttls_keeps_its_place,
                a_guard_without_renewal_is_lost_before_the_next_one_holds,
                a_guard_without_renewal_can_be_released_in_time,
                max_hold_ends_a_guard_and_frees_the_lock,
                a_lock_that_is_held_at_least_stays_taken_until_then,
                held_for_longer_a_lock_is_free_at_once,
                an_evicted_guard_is_lost_and_the_next_one_holds,
                an_evicted_waiter_starts_anew,
                a_release_after_an_eviction_says_that_the_lock_was_lost,
                with_after_an_eviction_says_that_the_lock_was_lost,
                a_time_to_hold_that_is_longer_than_the_longest_is_invalid_input,
                to_evict_nobody_is_no_error,
                work_is_dropped_when_its_lock_is_lost,
            }
            manager::crashing {
                a_crashed_holder_delays_the_next_by_at_most_its_ttl,
                a_crashed_waiter_delays_the_next_by_at_most_its_ttl,
                a_crashed_process_is_no_obstacle_to_try_acquire,
                a_process_whose_runtime_ends_leaves_at_the_latest_by_its_ttl,
            }
            manager::watching {
                inspect_shows_who_holds_and_who_waits,
                the_label_of_a_manager_is_the_default,
                list_shows_the_locks_that_are_held,
                a_prefix_keeps_the_locks_of_managers_apart,
                a_lock_has_a_ttl_of_its_own,
            }
        }
    };
}
