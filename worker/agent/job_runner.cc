#include "worker/agent/job_runner.h"

#include <algorithm>
#include <utility>

namespace keel {
namespace {

bool SameOrder(const std::shared_ptr<Job>& a, const std::shared_ptr<Job>& b) {
  if (a == nullptr || b == nullptr) return false;
  const JobPosition left = a->position();
  const JobPosition right = b->position();
  return left.generation == right.generation && left.task_id == right.task_id;
}

bool IsGroup(const std::shared_ptr<Job>& job, int64_t generation) {
  return job != nullptr && generation != 0 &&
         job->position().generation == generation;
}

bool IsTask(const std::shared_ptr<Job>& job, const std::string& task_id) {
  return job != nullptr && !task_id.empty() &&
         job->position().task_id == task_id;
}

}  // namespace

JobRunner::JobRunner(Report report)
    : report_(std::move(report)), thread_([this] { Work(); }) {}

JobRunner::~JobRunner() {
  CancelAll("the worker ends");
  {
    absl::MutexLock lock(&mu_);
    closing_ = true;
  }
  thread_.join();
}

void JobRunner::Work() {
  absl::MutexLock lock(&mu_);
  while (true) {
    mu_.Await(absl::Condition(this, &JobRunner::HasWork));
    if (closing_) return;
    current_ = std::exchange(next_, nullptr);
    const std::shared_ptr<Job> job = current_;
    mu_.Unlock();
    report_(*job, job->Run(), /*ran=*/true);
    mu_.Lock();
    current_ = nullptr;
  }
}

void JobRunner::Refuse(const std::shared_ptr<Job>& job,
                       std::string_view reason) {
  if (job != nullptr) report_(*job, job->Refuse(reason), /*ran=*/false);
}

std::shared_ptr<Job> JobRunner::TakeNext() {
  return std::exchange(next_, nullptr);
}

void JobRunner::Submit(std::shared_ptr<Job> job) {
  std::shared_ptr<Job> replaced;
  std::string reason = "another order took its place";
  {
    absl::MutexLock lock(&mu_);
    if (SameOrder(job, current_) || SameOrder(job, next_)) return;
    if (!drain_reason_.empty() || closing_) {
      reason = drain_reason_;
      replaced = std::move(job);
    } else {
      replaced = std::exchange(next_, std::move(job));
      if (current_ != nullptr) current_->Cancel(reason);
    }
  }
  Refuse(replaced, reason);
}

void JobRunner::CancelGroup(int64_t generation, std::string_view reason) {
  std::shared_ptr<Job> refused;
  {
    absl::MutexLock lock(&mu_);
    if (IsGroup(current_, generation)) current_->Cancel(reason);
    if (IsGroup(next_, generation)) refused = TakeNext();
  }
  Refuse(refused, reason);
}

void JobRunner::CancelTask(const std::string& task_id,
                           std::string_view reason) {
  std::shared_ptr<Job> refused;
  {
    absl::MutexLock lock(&mu_);
    if (IsTask(current_, task_id)) current_->Cancel(reason);
    if (IsTask(next_, task_id)) refused = TakeNext();
  }
  Refuse(refused, reason);
}

void JobRunner::CancelAll(std::string_view reason) {
  std::shared_ptr<Job> refused;
  {
    absl::MutexLock lock(&mu_);
    if (current_ != nullptr) current_->Cancel(reason);
    refused = TakeNext();
  }
  Refuse(refused, reason);
}

void JobRunner::Drain(std::string_view reason) {
  std::shared_ptr<Job> refused;
  {
    absl::MutexLock lock(&mu_);
    drain_reason_ = std::string(reason);
    if (current_ != nullptr) current_->stop().Request(reason);
    refused = TakeNext();
  }
  Refuse(refused, reason);
}

std::vector<std::shared_ptr<Job>> JobRunner::jobs() const {
  absl::MutexLock lock(&mu_);
  std::vector<std::shared_ptr<Job>> jobs;
  for (const auto& job : {current_, next_}) {
    if (job != nullptr) jobs.push_back(job);
  }
  return jobs;
}

bool JobRunner::WaitUntilIdle(absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithTimeout(absl::Condition(this, &JobRunner::IsIdle),
                              timeout);
}

bool JobRunner::IsOverdue(absl::Time now, absl::Duration grace) const {
  absl::MutexLock lock(&mu_);
  if (current_ == nullptr) return false;
  const StopSignal& stop = current_->stop();
  return now > stop.cancel_time() + std::max(grace, 2 * stop.longest_pause());
}

}  // namespace keel
