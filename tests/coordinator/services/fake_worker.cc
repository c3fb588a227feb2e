#include "tests/coordinator/services/fake_worker.h"

#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/plan/accounting_hash.h"
#include "common/plan/phase_schedule.h"
#include "common/sha256.h"
#include "coordinator/core/plan_builder.h"
#include "tests/coordinator/plan_samples.h"

namespace keel::testing {
namespace {

int SampleCount(v1::WorkerService::Stub& stub, const v1::ProbeSet& probe) {
  storage::v1::ChunkIndex index;
  index.ParseFromString(ReadBlob(stub, probe.index().digest()));
  storage::v1::PhasePlan plan;
  plan.ParseFromString(ReadBlob(stub, probe.plan().digest()));
  int count = index.samples_size();
  for (const auto& chunk : plan.chunks()) count += chunk.probe_ordinals_size();
  return count;
}

v1::Recall FakeRecall(int phase, const v1::ProbeSet& probe, int sample_count) {
  v1::Recall recall;
  recall.set_phase(phase);
  recall.set_probe(probe.name());
  recall.set_sample_count(sample_count);
  recall.set_image_to_text_r5(0.5);
  recall.set_text_to_image_r5(0.25);
  return recall;
}

v1::Drift FakeDrift(const v1::RunTask& task, const v1::ProbeSet& probe) {
  v1::Drift drift;
  drift.set_phase(task.phase());
  drift.set_reference_phase(task.drift().reference_phase());
  drift.set_reference(task.drift().reference());
  drift.set_probe(probe.name());
  for (v1::AngleDistribution* angles :
       {drift.mutable_rotation_image(), drift.mutable_rotation_text(),
        drift.mutable_self_angle_change_image(),
        drift.mutable_self_angle_change_text(), drift.mutable_rotation_gap(),
        drift.mutable_cross_angle_change()}) {
    angles->set_mean(2.5);
    for (int i = 0; i < 180; ++i) angles->add_counts(i == 2 ? 10 : 0);
  }
  return drift;
}

v1::UploadArtifactRequest FrameOf(const std::string& bytes) {
  v1::UploadArtifactRequest message;
  message.mutable_frame()->set_data(bytes);
  message.mutable_frame()->set_crc32(Crc32(bytes));
  return message;
}

}  // namespace

std::string ReadBlob(v1::WorkerService::Stub& stub, const std::string& digest) {
  grpc::ClientContext context;
  v1::ReadBlobRequest request;
  request.set_digest(digest);
  auto reader = stub.ReadBlob(&context, request);
  std::string bytes;
  v1::ReadBlobResponse response;
  while (reader->Read(&response)) bytes += response.frame().data();
  return reader->Finish().ok() ? bytes : "";
}

std::vector<v1::StepReport> ReportsOf(
    v1::WorkerService::Stub& stub, const v1::BlobRef& ref,
    const std::vector<int64_t>& struck_by_epoch) {
  storage::v1::PhasePlan plan;
  plan.ParseFromString(ReadBlob(stub, ref.digest()));
  const auto samples = SamplesOf(
      plan, [&](const std::string& digest) -> std::optional<std::string> {
        std::string bytes = ReadBlob(stub, digest);
        if (bytes.empty()) return std::nullopt;  // the coordinator is gone
        return bytes;
      });
  if (!samples.has_value()) return {};
  const auto schedule = ScheduleOf(plan);
  std::vector<v1::StepReport> reports;
  if (!schedule.ok()) return reports;
  const uint64_t key = AccountingKey(plan.seed(), plan.phase());
  for (int64_t step = 0; step < schedule->step_count(); ++step) {
    const int epoch = schedule->EpochOfStep(step);
    AccountingHash sum;
    v1::StepReport& report = reports.emplace_back();
    for (int64_t sample : schedule->SamplesOfStep(step)) {
      if (epoch < std::ssize(struck_by_epoch) &&
          struck_by_epoch[epoch] == sample) {
        report.add_struck()->set_sample(sample);
        report.mutable_struck(0)->set_reason("IMAGE_DECODE");
        continue;
      }
      const auto& index = (*samples)[sample];
      const int caption =
          schedule->CaptionOf(epoch, sample, index.captions_size());
      sum += HashRow(key, epoch, sample, index.image_digest(),
                     index.captions(caption).digest());
      report.set_sample_count(report.sample_count() + 1);
    }
    report.set_step(step);
    report.set_hash_low(sum.low);
    report.set_hash_high(sum.high);
    report.set_loss_total(1.0 / static_cast<double>(step + 1));
    report.set_seconds(0.01);
  }
  return reports;
}

grpc::Status UploadArtifact(
    v1::WorkerService::Stub& stub, const v1::ArtifactHeader& header,
    const std::vector<std::pair<std::string, std::string>>& files) {
  grpc::ClientContext context;
  v1::UploadArtifactResponse response;
  auto writer = stub.UploadArtifact(&context, &response);
  v1::UploadArtifactRequest message;
  *message.mutable_header() = header;
  bool open = writer->Write(message);
  for (const auto& [name, bytes] : files) {
    if (!open) break;
    message.mutable_file()->set_name(name);
    message.mutable_file()->set_size_bytes(static_cast<int64_t>(bytes.size()));
    message.mutable_file()->set_digest(Sha256Hex(bytes));
    open = writer->Write(message) && writer->Write(FrameOf(bytes));
  }
  if (open) writer->WritesDone();
  return writer->Finish();
}

FakeWorker::FakeWorker(std::shared_ptr<grpc::Channel> channel, Options options)
    : options_(std::move(options)),
      stub_(v1::WorkerService::NewStub(channel)),
      hold_at_(options_.hold_at),
      thread_([this] { Run(); }) {}

FakeWorker::~FakeWorker() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  thread_.join();
}

FakeWorker::View FakeWorker::view() {
  absl::MutexLock lock(&mu_);
  return view_;
}

bool FakeWorker::WaitFor(const std::function<bool(const View&)>& condition) {
  absl::MutexLock lock(&mu_);
  const auto met = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return condition(view_);
  };
  return mu_.AwaitWithTimeout(absl::Condition(&met), absl::Seconds(20));
}

void FakeWorker::Release() {
  {
    absl::MutexLock lock(&mu_);
    hold_at_ = kNever;
  }
  ReportSteps();
}

bool FakeWorker::stopping() {
  absl::MutexLock lock(&mu_);
  return stopping_;
}

void FakeWorker::Change(const std::function<void(View&)>& change) {
  absl::MutexLock lock(&mu_);
  change(view_);
}

void FakeWorker::Run() {
  while (!stopping()) {
    RunStream();
    const absl::Time again = absl::Now() + absl::Milliseconds(50);
    absl::MutexLock lock(&mu_);
    mu_.AwaitWithDeadline(absl::Condition(&stopping_), again);
  }
}

void FakeWorker::RunStream() {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  {
    absl::MutexLock lock(&mu_);
    if (stopping_) return;
    context_ = &context;
  }
  auto stream = stub_->Attach(&context);
  {
    absl::MutexLock lock(&mu_);
    stream_ = stream.get();
  }
  Send(Hello());
  v1::CoordinatorMessage message;
  while (stream->Read(&message)) Handle(message);
  absl::MutexLock lock(&mu_);
  stream_ = nullptr;
  context_ = nullptr;
  view_.stream_status = stream->Finish();
}

v1::WorkerMessage FakeWorker::Hello() {
  v1::WorkerMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.mutable_worker()->set_id(options_.id);
  hello.mutable_worker()->set_incarnation(options_.incarnation);
  hello.mutable_worker()->set_device("cpu");
  absl::MutexLock lock(&mu_);
  hello.set_generation(view_.join.generation());
  hello.set_stream(view_.join.stream());
  hello.set_phase(view_.join.phase());
  return message;
}

void FakeWorker::Send(v1::WorkerMessage message) {
  absl::MutexLock lock(&mu_);
  message.set_cluster_id(view_.cluster_id);
  message.set_incarnation(options_.incarnation);
  if (stream_ != nullptr) stream_->Write(message);
}

void FakeWorker::Handle(const v1::CoordinatorMessage& message) {
  Change([&](View& view) { view.cluster_id = message.cluster_id(); });
  switch (message.kind_case()) {
    case v1::CoordinatorMessage::kWelcome:
      Change([&](View& view) {
        ++view.attach_count;
        view.adopted = message.welcome().adopted();
      });
      if (message.welcome().adopted()) ReportSteps();
      return;
    case v1::CoordinatorMessage::kJoinGroup:
      return Join(message.join_group());
    case v1::CoordinatorMessage::kLeaveGroup:
      Change([](View& view) { ++view.leave_count; });
      if (message.leave_group().generation() == view().join.generation()) {
        EndGroup(v1::GroupEnded::STOPPED, "ordered");
      }
      return;
    case v1::CoordinatorMessage::kStepAck:
      return HandleAck(message.step_ack());
    case v1::CoordinatorMessage::kRunTask:
      return RunTask(message.run_task());
    default:
      return;
  }
}

void FakeWorker::Join(const v1::JoinGroup& join) {
  std::vector<v1::StepReport> steps =
      ReportsOf(*stub_, join.plan(), options_.struck_by_epoch);
  {
    absl::MutexLock lock(&mu_);
    view_.join = join;
    view_.start_steps.push_back(join.start_step());
    view_.acknowledged = join.start_step();
    view_.finished = false;
    steps_ = std::move(steps);
  }
  if (!options_.fail_with.empty()) {
    return EndGroup(v1::GroupEnded::FAILED, options_.fail_with);
  }
  if (join.rank() != 0) return EndGroup(v1::GroupEnded::FINISHED, "");
  if (options_.upload_initial && join.parent() < 0) {
    UploadFiles(v1::ArtifactHeader::INITIAL, 0);
  }
  ReportSteps();
}

void FakeWorker::ReportSteps() {
  v1::WorkerMessage message;
  v1::StepReports& reports = *message.mutable_step_reports();
  {
    absl::MutexLock lock(&mu_);
    reports.set_generation(view_.join.generation());
    for (v1::StepReport& step : steps_) {
      if (step.step() < view_.acknowledged || step.step() >= hold_at_) continue;
      v1::StepReport* report = reports.add_steps();
      *report = step;
      if (step.step() == options_.wrong_hash_at) {
        report->set_hash_low(step.hash_low() + 1);
      }
    }
  }
  if (reports.steps_size() > 0) Send(std::move(message));
}

void FakeWorker::HandleAck(const v1::StepAck& ack) {
  const View now = view();
  if (ack.generation() != now.join.generation()) return;
  int64_t step_count = 0;
  {
    absl::MutexLock lock(&mu_);
    view_.acknowledged = ack.step_count();
    step_count = static_cast<int64_t>(steps_.size());
  }
  if (ack.step_count() >= options_.resume_point_at &&
      !now.resume_point_uploaded) {
    UploadFiles(v1::ArtifactHeader::RESUME_POINT, options_.resume_point_at);
    Change([](View& view) { view.resume_point_uploaded = true; });
  }
  if (ack.step_count() != step_count || now.finished) return;
  UploadFiles(v1::ArtifactHeader::RESULT, step_count);
  EndGroup(v1::GroupEnded::FINISHED, "");
}

void FakeWorker::UploadFiles(v1::ArtifactHeader::Kind kind,
                             int64_t step_count) {
  const View now = view();
  v1::ArtifactHeader header;
  header.set_cluster_id(now.cluster_id);
  header.set_stream(now.join.stream());
  header.set_phase(now.join.phase());
  header.set_attempt(now.join.attempt());
  header.set_generation(now.join.generation());
  header.set_kind(kind);
  header.set_step_count(step_count);
  const std::string weights = absl::StrCat("weights of ", now.join.stream(),
                                           now.join.phase(), "@", step_count);
  const grpc::Status status = UploadArtifact(
      *stub_, header, {{"weights.bin", weights}, {"keel_manifest.json", "{}"}});
  Change([&](View& view) { view.upload_status = status; });
}

void FakeWorker::EndGroup(v1::GroupEnded::Outcome outcome,
                          const std::string& text) {
  v1::WorkerMessage message;
  v1::GroupEnded& ended = *message.mutable_group_ended();
  {
    absl::MutexLock lock(&mu_);
    ended.set_generation(view_.join.generation());
    view_.finished = outcome == v1::GroupEnded::FINISHED;
    view_.join.clear_generation();
  }
  ended.set_outcome(outcome);
  ended.set_message(text);
  Send(std::move(message));
}

void FakeWorker::RunTask(const v1::RunTask& task) {
  v1::WorkerMessage message;
  v1::TaskEnded& ended = *message.mutable_task_ended();
  ended.set_task_id(task.task_id());
  ended.set_ok(true);
  if (task.has_drift()) ended.mutable_drift();
  for (const v1::ProbeSet& probe : task.probes()) {
    const int sample_count = SampleCount(*stub_, probe);
    if (task.has_evaluate()) {
      *ended.mutable_evaluation()->add_recalls() =
          FakeRecall(task.phase(), probe, sample_count);
    } else if (sample_count >= 2) {
      *ended.mutable_drift()->add_drifts() = FakeDrift(task, probe);
    }
  }
  Send(std::move(message));
  Change([](View& view) { ++view.tasks_done; });
}

}  // namespace keel::testing
