// What a plan takes from the phases before it: with method `joint` all that
// they trained, with `method.replay` a uniform choice of it. Pure.
//
// Phases of a stream train one after the other, each from the newest published
// one: that one's plan knows all before it. So each plan follows from its own
// chunks and from one other plan, and the ledger checks it by the same steps.
#ifndef KEEL_COORDINATOR_CORE_PLAN_HISTORY_H_
#define KEEL_COORDINATOR_CORE_PLAN_HISTORY_H_

#include "keel/storage/v1/storage.pb.h"
#include "keel/v1/stream.pb.h"

namespace keel {

// True if plans of the stream take anything from earlier phases.
bool NeedsHistory(const v1::MethodConfig& method);
bool NeedsHistory(const storage::v1::PhasePlan& plan);

// `plan` as it is trained right after the phase of plan `previous`, the
// newest that is published (null: none): earlier_chunks, replay, and the counts
// that follow from them, whatever they were.
//
// The reservoir keeps the samples with the replay_samples smallest keys, each
// a hash of (seed, chunk, ordinal): a uniform choice without replacement. The
// smallest of a union are among the smallest of its parts, so the previous
// reservoir and the samples that its phase trained decide.
storage::v1::PhasePlan WithHistory(storage::v1::PhasePlan plan,
                                   const storage::v1::PhasePlan* previous);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CORE_PLAN_HISTORY_H_
