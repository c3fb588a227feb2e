// The part of a simulated worker that trains.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/simulator/simulated_worker.h"
#include "tests/coordinator/simulator/training_group.h"
#include "tests/coordinator/simulator/upload.h"

namespace keel::testing {
namespace {

// Ids of the two requests of a rendezvous.
constexpr int64_t kAnnounce = 1;
constexpr int64_t kAwaitAll = 2;

constexpr int kInputTrials = 10;

std::string DigestOf(
    const google::protobuf::RepeatedPtrField<v1::CheckpointFile>& files,
    const std::string& name) {
  for (const v1::CheckpointFile& file : files) {
    if (file.name() == name) return file.digest();
  }
  return "";
}

}  // namespace

bool SimulatedWorker::Trains(int64_t generation, int64_t incarnation) const {
  return alive_ && incarnation_ == incarnation && member_.has_value() &&
         member_->join.generation() == generation;
}

void SimulatedWorker::Join(const v1::JoinGroup& join) {
  if (member_.has_value() || task_.has_value()) {
    return world_.Violation(absl::StrCat("worker ", id_, " was ordered into ",
                                         join.generation(),
                                         " while it worked"));
  }
  if (join.generation() <= newest_generation_) {
    return world_.Violation(absl::StrCat("generation ", join.generation(),
                                         " came after ", newest_generation_));
  }
  newest_generation_ = join.generation();
  member_ = Membership();
  member_->join = join;
  member_->acknowledged = join.start_step();
  member_->weights.stream = join.stream();
  member_->weights.phase = join.phase();
  member_->weights.attempt = join.attempt();
  if (world_.Mishap(0.2)) {
    // All of them are of generations and tasks before.
    AfterInGroup(absl::ZeroDuration(), [this] { SendOldMessages(); });
  }
  AfterInGroup(world_.random().Milliseconds(10, 200), [this] { Prepare(0); });
}

void SimulatedWorker::Prepare(int trials) {
  if (world_.Mishap(0.01)) {
    return EndGroup(v1::GroupEnded::FAILED, "it cannot be trained");
  }
  if (ReadInputs()) return Meet();
  if (!member_.has_value()) return;
  if (trials == kInputTrials) {
    return EndGroup(v1::GroupEnded::UNABLE, "the inputs cannot be read");
  }
  AfterInGroup(absl::Milliseconds(300),
               [this, trials] { Prepare(trials + 1); });
}

bool SimulatedWorker::ReadInputs() {
  const v1::JoinGroup& join = member_->join;
  if (world_.ReportsOf(join.plan()) == nullptr) return false;
  if (join.parent_files_size() > 0) {
    const std::string digest = DigestOf(join.parent_files(), kWeightsFile);
    if (!world_.ReadBlob(digest).has_value()) return false;
    member_->weights.parent = digest;
  }
  if (join.resume_files_size() == 0) return true;
  const auto bytes =
      world_.ReadBlob(DigestOf(join.resume_files(), kWeightsFile));
  if (!bytes.has_value()) return false;
  const auto weights = Weights::Parse(*bytes);
  if (!weights.has_value() || weights->step_count() != join.start_step() ||
      weights->attempt != join.attempt()) {
    world_.Violation(absl::StrCat("generation ", join.generation(),
                                  " starts from a wrong resume point"));
    return false;
  }
  member_->weights = *weights;
  return true;
}

void SimulatedWorker::Meet() {
  const v1::JoinGroup& join = member_->join;
  if (!attached_) {
    return EndGroup(v1::GroupEnded::BROKEN, "there is no line");
  }
  if (join.rank() == 0 && join.parent() < 0 && join.start_step() == 0 &&
      world_.random().Chance(0.5)) {
    Weights initial;
    initial.stream = join.stream();
    UploadFiles(v1::ArtifactHeader::INITIAL, initial, [](absl::Status) {});
  }
  member_->meeting = true;
  v1::WorkerMessage message;
  v1::StoreRequest& request = *message.mutable_store_request();
  request.set_generation(join.generation());
  request.set_id(kAnnounce);
  request.set_operation(v1::StoreRequest::SET);
  request.add_keys(absl::StrCat("rank/", join.rank()));
  request.set_value("here");
  Send(message);
  request.set_id(kAwaitAll);
  request.set_operation(v1::StoreRequest::WAIT);
  request.clear_keys();
  for (int rank = 0; rank < join.world_size(); ++rank) {
    request.add_keys(absl::StrCat("rank/", rank));
  }
  Send(std::move(message));
}

void SimulatedWorker::OnStoreReply(const v1::StoreReply& reply) {
  if (!Trains(reply.generation(), incarnation_) || !member_->meeting) return;
  if (!reply.error().empty()) {
    return EndGroup(v1::GroupEnded::BROKEN, reply.error());
  }
  if (reply.id() != kAwaitAll) return;
  member_->meeting = false;
  const v1::JoinGroup& join = member_->join;
  world_.GroupOf(join).Ready(*this, incarnation_, join.rank(),
                             *world_.ReportsOf(join.plan()));
}

void SimulatedWorker::OnStep(int64_t generation, const v1::StepReport& report) {
  member_->weights.AddStep(generation, report.step());
  member_->unacknowledged.push_back(report);
  if (!member_->resume_point.has_value() && world_.random().Chance(0.25)) {
    member_->resume_point = member_->weights;
  }
  if (std::exchange(member_->sending, true)) return;
  AfterInGroup(world_.random().Milliseconds(10, 150), [this] {
    member_->sending = false;
    // Reports of known steps change nothing.
    if (world_.Mishap(0.03)) member_->sent = 0;
    SendReports();
  });
}

void SimulatedWorker::SendReports() {
  Membership& member = *member_;
  if (!attached_ || member.sent == member.unacknowledged.size()) return;
  v1::WorkerMessage message;
  v1::StepReports& reports = *message.mutable_step_reports();
  reports.set_generation(member.join.generation());
  for (; member.sent < member.unacknowledged.size(); ++member.sent) {
    *reports.add_steps() = member.unacknowledged[member.sent];
  }
  Send(std::move(message));
}

void SimulatedWorker::OnAcknowledgement(const v1::StepAck& ack) {
  int64_t& known = world_.truth().acknowledged_steps[ack.generation()];
  known = std::max(known, ack.step_count());
  if (!Trains(ack.generation(), incarnation_)) return;
  Membership& member = *member_;
  member.acknowledged = std::max(member.acknowledged, ack.step_count());
  while (!member.unacknowledged.empty() &&
         member.unacknowledged.front().step() < member.acknowledged) {
    member.unacknowledged.pop_front();
    if (member.sent > 0) --member.sent;
  }
  UploadWhatIsDue();
}

void SimulatedWorker::OnAllSteps(int64_t) {
  member_->all_steps = true;
  UploadWhatIsDue();
}

void SimulatedWorker::UploadWhatIsDue() {
  Membership& member = *member_;
  if (member.resume_point.has_value() &&
      member.resume_point->step_count() <= member.acknowledged) {
    UploadFiles(v1::ArtifactHeader::RESUME_POINT, *member.resume_point,
                [](absl::Status) {});
    member.resume_point.reset();
  }
  if (member.all_steps && member.unacknowledged.empty() &&
      !std::exchange(member.uploading, true)) {
    UploadResult();
  }
}

void SimulatedWorker::UploadResult() {
  const int64_t generation = member_->join.generation();
  UploadFiles(v1::ArtifactHeader::RESULT, member_->weights,
              [this, generation](absl::Status status) {
                if (!Trains(generation, incarnation_)) return;
                if (absl::IsUnavailable(status)) {
                  AfterInGroup(world_.random().Milliseconds(50, 800),
                               [this] { UploadResult(); });
                } else if (status.ok()) {
                  world_.GroupOf(member_->join).Finish();
                } else {
                  EndGroup(v1::GroupEnded::BROKEN, "the result was refused");
                }
              });
}

void SimulatedWorker::UploadFiles(v1::ArtifactHeader::Kind kind,
                                  const Weights& weights,
                                  std::function<void(absl::Status)> done) {
  const v1::JoinGroup& join = member_->join;
  Upload::Options options;
  options.header.set_cluster_id(cluster_id_);
  options.header.set_stream(join.stream());
  options.header.set_phase(join.phase());
  options.header.set_attempt(join.attempt());
  options.header.set_generation(join.generation());
  options.header.set_kind(kind);
  options.header.set_step_count(weights.step_count());
  options.files = FilesOf(weights);
  options.sender_lives = [this, incarnation = incarnation_] {
    return alive_ && incarnation_ == incarnation;
  };
  options.done = [this, done = std::move(done)](absl::Status status) {
    if (absl::IsInvalidArgument(status) || absl::IsDataLoss(status)) {
      world_.Violation(
          absl::StrCat("a good upload was refused: ", status.ToString()));
    }
    done(status);
  };
  Upload::Start(world_, std::move(options));
}

void SimulatedWorker::EndGroup(v1::GroupEnded::Outcome how,
                               const std::string& message) {
  Outcome outcome;
  outcome.position.set_generation(member_->join.generation());
  outcome.position.set_stream(member_->join.stream());
  outcome.position.set_phase(member_->join.phase());
  v1::GroupEnded& ended = *outcome.message.mutable_group_ended();
  ended.set_generation(member_->join.generation());
  ended.set_outcome(how);
  ended.set_message(message);
  // Step reports go before the outcome.
  if (attached_) SendReports();
  member_.reset();
  AddOutcome(std::move(outcome));
}

}  // namespace keel::testing
