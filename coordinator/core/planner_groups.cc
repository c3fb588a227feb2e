#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/core/lifecycle.h"
#include "coordinator/core/planner_parts.h"

namespace keel {
namespace {

bool HasOpenGroup(const PhaseView& phase) {
  return phase.group.generation != 0 && !phase.group.closed;
}

// True if a group is to train it: it has begun or may begin, and is not done.
bool IsTrainable(const PhaseView& phase) {
  return (phase.state == v1::Phase::QUEUED ||
          phase.state == v1::Phase::TRAINING ||
          phase.state == v1::Phase::PAUSED) &&
         !phase.result_uploaded;
}

// ---- groups that are to be broken
// --------------------------------------------

// A group's members by what is known of them.
struct Attendance {
  int working = 0;
  int awaited = 0;
  int silent = 0;
  // Member that is sure not to go on, and why; empty: none.
  std::string gone;
  std::string first_silent;
  absl::Time last_heard;
};

void Count(const WorkerRoster& roster, const GroupView& group,
           const GroupView::Member& member, Attendance& attendance) {
  const std::string& id = member.worker_id;
  const auto gone = [&](const char* why) {
    if (attendance.gone.empty()) {
      attendance.gone = absl::StrCat("worker ", id, " ", why);
    }
  };
  if (member.ended) return gone("ended its part");
  switch (roster.PresenceOf(id, member.incarnation, group.form_time)) {
    case Presence::kPresent:
      // A draining member leaves by itself, at a step boundary.
      ++attendance.working;
      return;
    case Presence::kAwaited:
      ++attendance.awaited;
      return;
    case Presence::kReplaced:
      return gone("has restarted");
    case Presence::kSilent:
      if (attendance.silent++ == 0) attendance.first_silent = id;
      attendance.last_heard = std::max(
          attendance.last_heard, roster.LastHeard(id, member.incarnation));
  }
}

Attendance Attend(const Planning& planning, const GroupView& group) {
  Attendance attendance;
  attendance.last_heard = std::max(group.form_time, planning.view.start_time);
  for (const GroupView::Member& member : group.members) {
    // Its work is done; whether it stays does not matter.
    if (!member.finished) Count(planning.roster, group, member, attendance);
  }
  return attendance;
}

// Why the group is to be broken now, if it is.
std::optional<std::string> ReasonToBreak(const Planning& planning,
                                         const GroupView& group) {
  const Attendance attendance = Attend(planning, group);
  // Who trained through the restart holds steps that nobody else has: nothing
  // is decided before all had their time to come back.
  if (attendance.awaited > 0) return std::nullopt;
  if (!attendance.gone.empty()) return attendance.gone;
  if (attendance.silent == 0 && attendance.working == 0) {
    return "all members finished, but there is no result";
  }
  const absl::Duration stall = planning.options.stall_after;
  if (planning.now >= group.progress_time + stall) {
    return absl::StrCat("no step for ", absl::FormatDuration(stall));
  }
  if (attendance.silent == 0) return std::nullopt;
  if (attendance.working > 0) {
    return absl::StrCat("lost worker ", attendance.first_silent);
  }
  const absl::Duration grace = planning.options.orphan_grace;
  if (planning.now < attendance.last_heard + grace) return std::nullopt;
  return absl::StrCat("all members lost for ", absl::FormatDuration(grace));
}

void KeepMembers(Planning& planning, const GroupView& group) {
  for (const GroupView::Member& member : group.members) {
    planning.kept_workers.insert(member.worker_id);
  }
}

void BreakGroupsOf(Planning& planning, const StreamView& stream) {
  for (const PhaseView& phase : stream.phases) {
    if (phase.result_uploaded && phase.state == v1::Phase::TRAINING) {
      planning.actions.push_back(
          StartEvaluation{stream.name, phase.number, "its result is uploaded"});
      continue;
    }
    if (!IsTrainable(phase) || !HasOpenGroup(phase)) continue;
    if (auto reason = ReasonToBreak(planning, phase.group)) {
      planning.actions.push_back(BreakGroup{stream.name, phase.number,
                                            phase.group.generation,
                                            *std::move(reason)});
    } else {
      KeepMembers(planning, phase.group);
    }
  }
}

// ---- new groups
// ----------------------------------------------------------------

// The phase of the stream that may train now; nullptr: none.
const PhaseView* NextToTrain(const StreamView& stream,
                             const PlannerOptions& options) {
  if (stream.blocked) return nullptr;
  for (const PhaseView& phase : stream.phases) {
    if (IsFinal(phase.state)) continue;
    const bool ready = IsTrainable(phase) && phase.parent_ready &&
                       !HasOpenGroup(phase) &&
                       phase.forming_failures < options.max_forming_failures;
    return ready ? &phase : nullptr;
  }
  return nullptr;
}

// Members of the phase's last group that are on their way out of it and will
// be ready in a moment.
int LeavingMembers(const WorkerRoster& roster, const GroupView& group) {
  int count = 0;
  for (const GroupView::Member& member : group.members) {
    const WorkerView* worker = roster.Find(member.worker_id);
    if (worker != nullptr && worker->incarnation == member.incarnation &&
        worker->generation == group.generation && !worker->draining &&
        roster.PresenceOf(*worker) == Presence::kPresent) {
      ++count;
    }
  }
  return count;
}

// Until then more workers may come: behind the newest process, and behind the
// first that is back, if all lost their line. One that is back beside others is
// not new: a line that breaks again and again would put every group off.
absl::Time JoinEnd(const std::vector<const WorkerView*>& workers,
                   absl::Duration window) {
  absl::Time newest_start = absl::InfinitePast();
  absl::Time oldest_attach = absl::InfiniteFuture();
  for (const WorkerView* worker : workers) {
    newest_start = std::max(newest_start, worker->start_time);
    oldest_attach = std::min(oldest_attach, worker->attach_time);
  }
  return std::max(newest_start, oldest_attach) + window;
}

// Workers with GPUs and workers without talk to their peers in different ways,
// so a group has one kind: with GPUs, if they are enough. The kind that is
// taken comes first.
std::pair<std::vector<const WorkerView*>, std::vector<const WorkerView*>>
ChooseKind(const std::vector<const WorkerView*>& idle, int64_t least) {
  std::vector<const WorkerView*> with, without;
  for (const WorkerView* worker : idle) {
    (worker->gpu ? with : without).push_back(worker);
  }
  const bool enough = std::ssize(with) >= least;
  return enough ? std::pair(with, without) : std::pair(without, with);
}

// What earlier phases add to its plan is known by now: it gets no more.
void FailWithoutStep(Planning& planning, const StreamView& stream,
                     const PhaseView& phase) {
  planning.actions.push_back(FailPhase{
      stream.name, phase.number,
      absl::StrCat("train.drop_last leaves it no step: its ",
                   phase.sample_count,
                   " samples do not fill one batch of train.global_batch ",
                   stream.config.train().global_batch(),
                   "; skip it, and submit its samples again beside others")});
}

void FormGroupFor(Planning& planning, const StreamView& stream,
                  const PhaseView& phase) {
  const v1::GroupConfig& config = stream.config.group();
  const int64_t most =
      std::min<int64_t>(config.max_workers(), phase.smallest_step);
  // A phase with steps smaller than min_workers has to do with fewer.
  const int64_t least =
      std::clamp<int64_t>(config.min_workers(), 1, std::max<int64_t>(1, most));
  auto [idle, others] = ChooseKind(planning.roster.Idle(), least);
  if (static_cast<int64_t>(idle.size()) < least) return;
  const bool full = static_cast<int64_t>(idle.size()) >= most;
  const bool wait =
      !full && (LeavingMembers(planning.roster, phase.group) > 0 ||
                planning.now < JoinEnd(idle, planning.options.join_window));
  if (full) idle.resize(std::max<int64_t>(1, most));
  FormGroup action{stream.name, phase.number, {}, ""};
  for (const WorkerView* worker : idle) {
    // Also when it waits: a stream of lower priority must not take them away.
    planning.roster.Take(worker->id);
    action.worker_ids.push_back(worker->id);
  }
  if (wait) return;
  action.reason =
      absl::StrCat(idle.size(), idle.size() == 1 ? " worker" : " workers",
                   " ready, ", least, " to ", most, " wanted");
  if (!others.empty()) {
    absl::StrAppend(&action.reason, "; those ",
                    others.front()->gpu ? "with" : "without",
                    " a GPU are left out");
  }
  planning.actions.push_back(std::move(action));
}

}  // namespace

void BreakGroups(Planning& planning) {
  for (const StreamView* stream : ByPriority(planning.view)) {
    BreakGroupsOf(planning, *stream);
  }
}

void FailUnformable(Planning& planning) {
  for (const StreamView* stream : ByPriority(planning.view)) {
    for (const PhaseView& phase : stream->phases) {
      if (!IsTrainable(phase) || HasOpenGroup(phase) ||
          phase.forming_failures < planning.options.max_forming_failures) {
        continue;
      }
      planning.actions.push_back(
          FailPhase{stream->name, phase.number,
                    absl::StrCat("its group broke ", phase.forming_failures,
                                 " times without a committed step")});
    }
  }
}

void FormGroups(Planning& planning) {
  for (const StreamView* stream : ByPriority(planning.view)) {
    const PhaseView* phase = NextToTrain(*stream, planning.options);
    if (phase == nullptr) continue;
    if (phase->plan_stale) {
      planning.actions.push_back(
          CompletePlan{stream->name, phase->number,
                       "what it takes from earlier phases is known"});
    } else if (phase->smallest_step == 0) {
      FailWithoutStep(planning, *stream, *phase);
    } else {
      FormGroupFor(planning, *stream, *phase);
    }
  }
}

}  // namespace keel
