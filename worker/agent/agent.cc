#include "worker/agent/agent.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "worker/agent/group_job.h"
#include "worker/agent/task_job.h"

namespace keel {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);
// For the last words of a worker that leaves.
constexpr absl::Duration kFarewellGrace = absl::Seconds(5);

v1::Worker Describe(const WorkerIdentity& identity, const DeviceInfo& device,
                    int metrics_port) {
  v1::Worker worker;
  worker.set_id(identity.id());
  worker.set_incarnation(identity.incarnation());
  worker.set_device(device.device);
  worker.set_threads(device.threads);
  worker.set_capability(device.capability);
  worker.set_build(KEEL_VERSION);
  worker.set_metrics_port(metrics_port);
  return worker;
}

}  // namespace

absl::Status Agent::Options::Validate() const {
  if (state_directory.empty()) {
    return absl::InvalidArgumentError("state_directory must not be empty");
  }
  if (cache_capacity_bytes <= 0) {
    return absl::InvalidArgumentError("cache_capacity_bytes must be positive");
  }
  if (min_cancel_grace <= absl::ZeroDuration() ||
      drain_grace < absl::ZeroDuration()) {
    return absl::InvalidArgumentError("a grace is not positive");
  }
  KEEL_RETURN_IF_ERROR(link.Validate());
  KEEL_RETURN_IF_ERROR(fetcher.Validate());
  return uploader.Validate();
}

absl::StatusOr<std::unique_ptr<Agent>> Agent::Create(const Options& options,
                                                     Executor& executor) {
  KEEL_RETURN_IF_ERROR(options.Validate());
  KEEL_ASSIGN_OR_RETURN(
      auto identity,
      WorkerIdentity::Open(options.state_directory, options.id, absl::Now()));
  std::unique_ptr<Agent> agent(
      new Agent(options, executor, std::move(identity)));
  KEEL_RETURN_IF_ERROR(agent->OpenCache());
  return agent;
}

Agent::Agent(const Options& options, Executor& executor,
             std::unique_ptr<WorkerIdentity> identity)
    : options_(options),
      executor_(executor),
      identity_(std::move(identity)),
      description_(
          Describe(*identity_, executor.device(), options.metrics_port)),
      send_queue_(options.send_queue),
      fetcher_(options.fetcher,
               MakeCoordinatorChannel(options.link.channel, "downloads")),
      uploader_(options.uploader,
                MakeCoordinatorChannel(options.link.channel, "uploads")),
      link_(options.link, *identity_, send_queue_, *this),
      evict_after_(options.min_cancel_grace),
      away_since_(SteadyNow()),
      runner_([this](const Job& job, v1::WorkerMessage outcome, bool ran) {
        OnJobEnded(job, std::move(outcome), ran);
      }) {}

Agent::~Agent() = default;

absl::Status Agent::OpenCache() {
  BlobCache::Options options;
  options.directory = identity_->cache_directory();
  options.capacity_bytes = options_.cache_capacity_bytes;
  KEEL_ASSIGN_OR_RETURN(cache_, BlobCache::Open(options, fetcher_));
  return absl::OkStatus();
}

void Agent::OnJobEnded(const Job& job, v1::WorkerMessage outcome, bool ran) {
  send_queue_.AddOutcome(std::move(outcome), job.position());
  // Leaving goes with the last outcome, so that no order can come between.
  if (ran && draining()) SayFarewell();
}

JobResources Agent::resources() {
  return {executor_, *cache_, fetcher_, uploader_, send_queue_, *identity_};
}

// ---- the line
// ----------------------------------------------------------------

JobPosition Agent::Position() const {
  if (const auto jobs = runner_.jobs(); !jobs.empty()) {
    return jobs.back()->position();
  }
  // The end of the last job may not have been heard.
  return send_queue_.NewestOutcome().value_or(JobPosition());
}

v1::Hello Agent::MakeHello() {
  const JobPosition position = Position();
  v1::Hello hello;
  *hello.mutable_worker() = description_;
  hello.set_generation(position.generation);
  hello.set_stream(position.stream);
  hello.set_phase(position.phase);
  hello.set_committed_step_count(position.committed_step_count);
  hello.set_task_id(position.task_id);
  absl::MutexLock lock(&mu_);
  announced_ = hello.generation();
  return hello;
}

v1::Heartbeat Agent::MakeHeartbeat() {
  v1::Heartbeat heartbeat;
  if (const auto jobs = runner_.jobs(); !jobs.empty()) {
    const JobPosition position = jobs.back()->position();
    heartbeat.set_generation(position.generation);
    heartbeat.set_committed_step_count(position.committed_step_count);
    if (jobs.front()->stop().TakeProgress()) {
      heartbeat.set_task_id(jobs.front()->position().task_id);
    }
  }
  return heartbeat;
}

void Agent::OnMessage(const v1::CoordinatorMessage& message) {
  switch (message.kind_case()) {
    case v1::CoordinatorMessage::kWelcome:
      return OnWelcome(message.welcome());
    case v1::CoordinatorMessage::kStoreReply:
      return OnStoreReply(message.store_reply());
    case v1::CoordinatorMessage::kJoinGroup:
      return runner_.Submit(
          std::make_shared<GroupJob>(message.join_group(), resources()));
    case v1::CoordinatorMessage::kLeaveGroup:
      return runner_.CancelGroup(message.leave_group().generation(),
                                 message.leave_group().reason());
    case v1::CoordinatorMessage::kStepAck:
      return send_queue_.Acknowledge(message.step_ack());
    case v1::CoordinatorMessage::kRunTask:
      return runner_.Submit(
          std::make_shared<TaskJob>(message.run_task(), resources()));
    case v1::CoordinatorMessage::kCancelTask:
      return runner_.CancelTask(message.cancel_task().task_id(),
                                "the coordinator took the task back");
    case v1::CoordinatorMessage::kDrain:
      return Drain(message.drain().reason());
    case v1::CoordinatorMessage::KIND_NOT_SET:
      LogWarning("a message of a kind that this version does not know");
  }
}

void Agent::OnWelcome(const v1::Welcome& welcome) {
  const absl::Duration evict_after =
      absl::Seconds(welcome.evict_after().seconds()) +
      absl::Nanoseconds(welcome.evict_after().nanos());
  int64_t announced = 0;
  {
    absl::MutexLock lock(&mu_);
    evict_after_ = evict_after;
    away_since_ = absl::InfiniteFuture();
    announced = announced_;
  }
  LogInfo("attached", {{"cluster", identity_->cluster_id()},
                       {"generation", absl::StrCat(announced)},
                       {"adopted", welcome.adopted() ? "true" : "false"}});
  if (announced != 0 && !welcome.adopted()) GiveUp(announced);
  send_queue_.Open();
}

void Agent::GiveUp(int64_t generation) {
  runner_.CancelGroup(generation, "the coordinator gave the generation up");
  send_queue_.Drop(generation);
}

void Agent::OnStoreReply(const v1::StoreReply& reply) {
  for (const auto& job : runner_.jobs()) {
    if (job->position().generation == reply.generation() &&
        job->rendezvous() != nullptr) {
      job->rendezvous()->Deliver(reply);
    }
  }
}

void Agent::OnDisconnected(const absl::Status& status) {
  {
    absl::MutexLock lock(&mu_);
    away_since_ = std::min(away_since_, SteadyNow());
  }
  for (const auto& job : runner_.jobs()) {
    if (job->rendezvous() == nullptr) continue;
    job->rendezvous()->Close("the line to the coordinator was lost");
  }
}

// ---- the life
// ------------------------------------------------------------------

absl::Status Agent::Run() {
  LogInfo("starts", {{"id", id()},
                     {"incarnation", absl::StrCat(incarnation())},
                     {"coordinator", options_.link.channel.address}});
  absl::Status line_status;
  std::thread line([this, &line_status] {
    line_status = link_.Run();
    line_ended_.Notify();
  });
  while (!line_ended_.WaitForNotificationWithTimeout(kTick)) {
    CheckOverdue();
    if (IsAwayTooLong()) runner_.CancelAll("drained without a coordinator");
    if (draining() && runner_.WaitUntilIdle(absl::ZeroDuration())) {
      SayFarewell();
      link_.Stop(kFarewellGrace);
    }
  }
  line.join();
  if (!line_status.ok()) CancelAndWait(line_status.ToString());
  return line_status;
}

void Agent::SayFarewell() {
  v1::Leaving leaving;
  {
    absl::MutexLock lock(&mu_);
    leaving.set_reason(drain_reason_);
  }
  send_queue_.Finish(std::move(leaving));
}

void Agent::Drain(std::string_view reason) {
  const std::string why = reason.empty() ? "drained" : std::string(reason);
  {
    absl::MutexLock lock(&mu_);
    if (!drain_reason_.empty()) return;
    drain_reason_ = why;
  }
  LogInfo("drains", {{"reason", why}});
  runner_.Drain(why);
  // Only now is a job that ends the last one.
  absl::MutexLock lock(&mu_);
  draining_ = true;
}

bool Agent::draining() const {
  absl::MutexLock lock(&mu_);
  return draining_;
}

bool Agent::IsAwayTooLong() const {
  absl::MutexLock lock(&mu_);
  return draining_ && SteadyNow() - away_since_ > options_.drain_grace;
}

absl::Duration Agent::cancel_grace() const {
  absl::MutexLock lock(&mu_);
  return std::max(evict_after_, options_.min_cancel_grace);
}

void Agent::CheckOverdue() {
  if (!runner_.IsOverdue(SteadyNow(), cancel_grace())) return;
  LogError("a cancelled job does not return; the process ends itself",
           {{"exit_code", absl::StrCat(kHangExitCode)}});
  options_.exit_process ? options_.exit_process(kHangExitCode)
                        : std::_Exit(kHangExitCode);
}

void Agent::CancelAndWait(std::string_view reason) {
  runner_.CancelAll(reason);
  while (!runner_.WaitUntilIdle(kTick)) CheckOverdue();
}

}  // namespace keel
