#include "coordinator/services/step_ledger.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "coordinator/services/groups.h"

namespace keel {
namespace {

// Weight of the newest step in the running means.
constexpr double kNewest = 0.1;

storage::v1::StepRecord ToRecord(int64_t generation,
                                 const v1::StepReport& report) {
  storage::v1::StepRecord record;
  record.set_generation(generation);
  record.set_step(report.step());
  record.set_sample_count(report.sample_count());
  record.set_hash_low(report.hash_low());
  record.set_hash_high(report.hash_high());
  for (const v1::StruckSample& struck : report.struck()) {
    auto* added = record.add_struck();
    added->set_sample(struck.sample());
    added->set_reason(struck.reason());
  }
  record.set_loss_total(report.loss_total());
  return record;
}

void UpdateProgress(const v1::StepReport& report, PhaseState& phase) {
  v1::Progress& progress = phase.progress;
  progress.set_step(report.step() + 1);
  progress.set_loss_total(report.loss_total());
  progress.set_loss_contrastive(report.loss_contrastive());
  progress.set_loss_distill(report.loss_distill());
  progress.set_learning_rate(report.learning_rate());
  progress.set_logit_scale(report.logit_scale());
  if (report.has_agreement_image()) {
    const double kept =
        (report.agreement_image() + report.agreement_text()) / 2;
    const double before = progress.has_mean_teacher_agreement()
                              ? progress.mean_teacher_agreement()
                              : kept;
    progress.set_teacher_agreement(kept);
    progress.set_mean_teacher_agreement(before + kNewest * (kept - before));
  }
  if (report.seconds() <= 0) return;
  double& mean = phase.mean_step_seconds;
  mean =
      mean == 0 ? report.seconds() : mean + kNewest * (report.seconds() - mean);
  const double rate = report.sample_count() / report.seconds();
  const double before = progress.samples_per_second();
  progress.set_samples_per_second(
      before == 0 ? rate : before + kNewest * (rate - before));
  const int64_t left = phase.record.phase().step_count() - report.step() - 1;
  progress.set_remaining_seconds(mean * static_cast<double>(left));
}

int64_t NextStep(const PhaseState& phase) {
  const GroupState& group = phase.group;
  return phase.generations.at(group.generation).committed_step_count() +
         static_cast<int64_t>(group.pending_steps.size());
}

}  // namespace

absl::Status StepLedger::Handle(ClusterState& state, const WorkerState& worker,
                                const v1::StepReports& reports) {
  PhaseState* phase =
      state.FindGroup(worker.stream, worker.phase, reports.generation());
  if (phase == nullptr || worker.generation != reports.generation()) {
    return absl::AbortedError("steps of a generation that is closed");
  }
  if (phase->group.members.at(worker.info.id()).rank != 0) {
    return absl::AbortedError("steps are reported by rank 0 only");
  }
  if (phase->group.pending_steps.empty()) {
    phase->group.pending_since = cluster_.Now();
  }
  for (const v1::StepReport& report : reports.steps()) {
    KEEL_RETURN_IF_ERROR(Take(*phase, report));
  }
  phase->record.mutable_phase()->set_revision(
      NextRevision(phase->record.phase().revision(), cluster_.Now()));
  // What was durable before is acknowledged again: the first try may be lost.
  if (phase->group.pending_steps.empty()) Acknowledge(state, *phase);
  if (IsDue(*phase)) KEEL_RETURN_IF_ERROR(Flush(state, *phase));
  cluster_.Notify();
  return absl::OkStatus();
}

absl::Status StepLedger::Take(PhaseState& phase, const v1::StepReport& report) {
  const int64_t next = NextStep(phase);
  if (report.step() < next) return absl::OkStatus();
  if (report.step() > next ||
      report.step() >= phase.record.phase().step_count()) {
    return absl::OutOfRangeError(
        absl::StrCat("step ", report.step(), " was reported where ", next,
                     " of ", phase.record.phase().step_count(), " was due"));
  }
  phase.group.pending_steps.push_back(ToRecord(phase.group.generation, report));
  phase.group.progress_time = cluster_.Now();
  UpdateProgress(report, phase);
  return absl::OkStatus();
}

bool StepLedger::IsDue(const PhaseState& phase) const {
  const GroupState& group = phase.group;
  if (group.pending_steps.empty()) return false;
  return group.pending_steps.size() >= kFlushSteps ||
         NextStep(phase) == phase.record.phase().step_count() ||
         cluster_.Now() - group.pending_since >= kFlushEvery;
}

void StepLedger::FlushDue(ClusterState& state) {
  for (auto& [name, stream] : state.streams) {
    for (int number : stream.open_phases) {
      PhaseState& phase = stream.phases.at(number);
      // What fails is tried again with the next pass, and warned of.
      if (IsDue(phase)) Flush(state, phase).IgnoreError();
    }
  }
}

void StepLedger::AddPending(const PhaseState& phase,
                            storage::v1::GenerationRecord& generation,
                            Edit& edit) {
  for (const storage::v1::StepRecord& step : phase.group.pending_steps) {
    edit.PutStep(step);
    generation.set_committed_step_count(step.step() + 1);
  }
}

absl::Status StepLedger::Flush(ClusterState& state, PhaseState& phase) {
  GroupState& group = phase.group;
  auto generation = phase.generations.at(group.generation);
  const bool first =
      generation.committed_step_count() == generation.start_step();
  Edit edit = cluster_.NewEdit(durable::kCommitSteps);
  AddPending(phase, generation, edit);
  edit.PutGeneration(generation);
  if (absl::Status status = cluster_.Commit(state, edit); !status.ok()) {
    Warn(phase, status);
    return status;
  }
  Metrics& metrics = *cluster_.env().metrics;
  metrics.Increment("keel_steps_committed_total",
                    {{"stream", phase.record.phase().stream()}},
                    static_cast<double>(group.pending_steps.size()));
  if (first && phase.break_time != absl::InfinitePast()) {
    metrics.Observe("keel_recovery_duration_seconds",
                    absl::ToDoubleSeconds(edit.now() - group.form_time),
                    {{"stage", "first_step"}});
    phase.break_time = absl::InfinitePast();
  }
  group.pending_steps.clear();
  phase.record.mutable_phase()->set_committed_step_count(
      generation.committed_step_count());
  if (generation.committed_step_count() >
      FurthestStepBefore(phase, group.generation)) {
    phase.record.set_forming_failures(0);
  }
  Acknowledge(state, phase);
  return absl::OkStatus();
}

void StepLedger::Warn(const PhaseState& phase, const absl::Status& status) {
  if (cluster_.Now() < warn_time_ + kWarnEvery) return;
  warn_time_ = cluster_.Now();
  LogWarning("steps could not be stored",
             {{"stream", phase.record.phase().stream()},
              {"phase", absl::StrCat(phase.record.phase().number())},
              {"error", status.ToString()}});
}

void StepLedger::Acknowledge(ClusterState& state, const PhaseState& phase) {
  const GroupState& group = phase.group;
  for (const auto& [id, member] : group.members) {
    if (member.rank != 0) continue;
    v1::CoordinatorMessage message;
    message.mutable_step_ack()->set_generation(group.generation);
    message.mutable_step_ack()->set_step_count(
        phase.generations.at(group.generation).committed_step_count());
    state.Send(id, std::move(message));
  }
}

}  // namespace keel
