#include "tests/coordinator/simulator/world.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/services/frame_check.h"
#include "coordinator/services/ledger_reader.h"
#include "tests/coordinator/simulator/plan_reports.h"
#include "tests/coordinator/simulator/seeded_ids.h"
#include "tests/coordinator/simulator/simulated_client.h"
#include "tests/coordinator/simulator/simulated_worker.h"
#include "tests/coordinator/simulator/state_checker.h"
#include "tests/coordinator/simulator/training_group.h"

namespace keel::testing {
namespace {

constexpr absl::Duration kTickEvery = absl::Milliseconds(250);
// After the last fault, until all has to be done.
constexpr absl::Duration kPatience = absl::Seconds(120);

PlannerOptions Planner() {
  PlannerOptions options;
  options.evict_after = absl::Seconds(2);
  options.join_window = absl::Milliseconds(500);
  options.orphan_grace = absl::Seconds(3);
  options.recovery_window = absl::Seconds(3);
  options.task_lease = absl::Seconds(6);
  return options;
}

}  // namespace

World::World(uint64_t seed)
    : random_(seed),
      checker_(truth_),
      store_({.reach = [this] { ReachCrashPoint(); },
              .committed =
                  [this](const WriteBatch& batch) {
                    checker_.OnCommit(
                        batch, store_,
                        life_ == nullptr ? nullptr : life_->blobs.get());
                  }}) {
  SeedIds(seed);
  environment_.store = &store_;
  environment_.metrics = &metrics_;
  environment_.clock = &queue_;
  environment_.planner = Planner();
  environment_.heartbeat_every = absl::Milliseconds(500);
  disk_.SetHook([this](std::string_view operation, const std::string&) {
    // What a crash has ended changes the disk no more.
    if (burying_ || std::uncaught_exceptions() > 0) {
      return absl::CancelledError("the process has ended");
    }
    // Blobs are removed by destructors, which must not throw; a crash right
    // before is one right after the commit.
    if (operation != "remove") ReachCrashPoint();
    return absl::OkStatus();
  });
}

World::~World() = default;

void World::Violation(std::string text) {
  truth_.violations.push_back(std::move(text));
}

HistoryResult World::Run() {
  MakeInhabitants();
  StartCoordinator();
  ScheduleFault();
  queue_.After(random_.Milliseconds(5'000, 40'000), [this] { EndFaults(); });
  absl::Duration deadline = absl::InfiniteDuration();
  while (truth_.violations.empty() && !IsDone()) {
    if (!faulty_) deadline = std::min(deadline, queue_.Elapsed() + kPatience);
    if (queue_.Elapsed() > deadline) {
      for (const auto& client : clients_) {
        if (!client->done()) Violation("no end: " + client->Describe());
      }
      break;
    }
    queue_.RunOne();
    burying_ = true;
    ended_.clear();
    burying_ = false;
  }
  // What is published survives what comes after.
  if (truth_.violations.empty()) {
    EndCoordinator(/*power_loss=*/true);
    StartCoordinator();
    CheckLedgers();
  }
  return Summary();
}

void World::MakeInhabitants() {
  const int64_t worker_count = random_.Between(1, 4);
  for (int64_t i = 0; i < worker_count; ++i) {
    workers_.push_back(
        std::make_unique<SimulatedWorker>(*this, absl::StrCat("worker-", i)));
    workers_.back()->Start();
  }
  const int64_t client_count = random_.Between(1, 2);
  for (int64_t i = 0; i < client_count; ++i) {
    clients_.push_back(
        std::make_unique<SimulatedClient>(*this, absl::StrCat("stream-", i)));
    clients_.back()->Start();
  }
}

bool World::IsDone() {
  return !faulty_ && life_ != nullptr &&
         std::all_of(clients_.begin(), clients_.end(),
                     [](const auto& client) { return client->done(); });
}

HistoryResult World::Summary() {
  HistoryResult result;
  result.violations = truth_.violations;
  result.event_count = queue_.run_count();
  result.coordinator_starts = life_count_;
  result.power_losses = power_losses_;
  result.generations = checker_.generation_count();
  result.published = checker_.published_count();
  result.failed = checker_.failed_count();
  result.elapsed = queue_.Elapsed();
  result.trace = MixKey(
      {trace_, random_.Next(), static_cast<uint64_t>(queue_.run_count()),
       static_cast<uint64_t>(absl::ToInt64Microseconds(queue_.Elapsed()))});
  return result;
}

// ---- the coordinator -------------------------------------------------------

void World::StartCoordinator() {
  if (life_ != nullptr) return;
  try {
    auto life = CoordinatorLife::Start(environment_, disk_, ++life_count_);
    if (!life.ok()) {
      return Violation("it does not start: " + life.status().ToString());
    }
    life_ = *std::move(life);
  } catch (const SimulatedCrash&) {
    crash_in_ = -1;
    queue_.After(random_.Milliseconds(100, 1000),
                 [this] { StartCoordinator(); });
    return;
  }
  CheckState();
  ScheduleTick(absl::ZeroDuration());
}

void World::EndCoordinator(bool power_loss) {
  if (life_ == nullptr) return;
  ended_.push_back(std::move(life_));
  crash_in_ = -1;
  Trace(static_cast<uint64_t>(absl::ToInt64Microseconds(queue_.Elapsed())));
  if (power_loss) {
    ++power_losses_;
    random_.Chance(0.3) ? disk_.Crash() : disk_.Crash(random_.Next());
  }
  queue_.After(
      faulty_ ? random_.Milliseconds(100, 5000) : absl::Milliseconds(100),
      [this] { StartCoordinator(); });
}

void World::ReachCrashPoint() {
  if (crash_in_ < 0 || crash_in_-- > 0) return;
  throw SimulatedCrash();
}

bool World::Call(const std::function<void(CoordinatorLife&)>& call) {
  if (life_ == nullptr) return false;
  CoordinatorLife& life = *life_;
  try {
    call(life);
  } catch (const SimulatedCrash&) {
    // Else a call that waits inside this one has ended it already.
    if (life_.get() == &life) EndCoordinator(random_.Chance(0.5));
    return false;
  }
  if (life.cluster->change_count() != life.seen_change_count) {
    ScheduleTick(random_.Milliseconds(1, 20));
  }
  return true;
}

void World::WaitInCall(absl::Duration duration) {
  const CoordinatorLife* life = life_.get();
  ++waiting_calls_;
  queue_.RunUntil(queue_.Now() + duration);
  --waiting_calls_;
  if (life_.get() != life) throw SimulatedCrash();
}

void World::ScheduleTick(absl::Duration delay) {
  if (std::exchange(life_->tick_is_due, true)) return;
  queue_.After(delay, [this, number = life_->number] {
    if (life() == number) Tick();
  });
}

void World::Tick() {
  Call([&](CoordinatorLife& coordinator) {
    // Changes that it makes itself ask for the next pass.
    coordinator.seen_change_count = coordinator.cluster->change_count();
    coordinator.parts->controller.Tick();
  });
  if (life_ == nullptr) return;
  const bool again = life_->cluster->change_count() != life_->seen_change_count;
  life_->seen_change_count = life_->cluster->change_count();
  life_->tick_is_due = false;
  ScheduleTick(again ? absl::Milliseconds(2) : kTickEvery);
}

void World::CheckState() {
  for (std::string& problem : StateProblems(truth_, store_, *life_->blobs)) {
    Violation(std::move(problem));
  }
}

void World::CheckLedgers() {
  for (const auto& [stream, uid] : truth_.streams) {
    const auto verdicts = VerifyLedger(*life_->cluster, stream, 0);
    if (!verdicts.ok()) return Violation(verdicts.status().ToString());
    for (const v1::LedgerVerdict& verdict : *verdicts) {
      for (const std::string& problem : verdict.problems()) {
        Violation(absl::StrCat("ledger of ", stream, ": ", problem));
      }
    }
  }
}

// ---- what goes wrong -------------------------------------------------------

void World::ScheduleFault() {
  queue_.After(random_.Milliseconds(100, 1800), [this] {
    if (!faulty_) return;
    MakeFault();
    ScheduleFault();
  });
}

void World::MakeFault() {
  SimulatedWorker& worker = *workers_[random_.Below(workers_.size())];
  Trace(static_cast<uint64_t>(absl::ToInt64Microseconds(queue_.Elapsed())));
  switch (random_.Below(6)) {
    case 0:
      worker.Kill(/*silent=*/random_.Chance(0.5));
      queue_.After(random_.Milliseconds(100, 5000),
                   [&worker] { worker.Start(); });
      return;
    case 1:
      return worker.CutOff(random_.Milliseconds(100, 5000));
    case 2:
      return EndCoordinator(random_.Chance(0.5));
    case 3:
      Call([&](CoordinatorLife& coordinator) {
        coordinator.parts->workers.Drain(worker.id()).status().IgnoreError();
      });
      return;
    default:
      // In the middle of what it does next.
      crash_in_ = random_.Below(16);
  }
}

void World::EndFaults() {
  faulty_ = false;
  crash_in_ = -1;
  for (const auto& worker : workers_) {
    worker->CutOff(absl::ZeroDuration());
    worker->Start();
  }
}

// ---- what workers read -----------------------------------------------------

TrainingGroup& World::GroupOf(const v1::JoinGroup& join) {
  auto& group = groups_[join.generation()];
  if (group == nullptr) group = std::make_unique<TrainingGroup>(*this, join);
  return *group;
}

std::optional<std::string> World::ReadBlob(const std::string& digest) {
  std::string bytes;
  absl::Status status;
  const bool alive = Call([&](CoordinatorLife& coordinator) {
    status = SendBlob(*coordinator.blobs, digest, 0, 0,
                      [&](const v1::DataFrame& frame) {
                        bytes += frame.data();
                        return true;
                      });
  });
  if (!alive) return std::nullopt;
  if (status.ok()) return bytes;
  Violation(absl::StrCat("blob ", digest, ": ", status.ToString()));
  return std::nullopt;
}

const std::vector<v1::StepReport>* World::ReportsOf(const v1::BlobRef& plan) {
  if (const auto known = reports_.find(plan.digest());
      known != reports_.end()) {
    return &known->second;
  }
  auto reports = PlanReports(plan.digest(), [this](const std::string& digest) {
    return ReadBlob(digest);
  });
  if (!reports.has_value()) return nullptr;
  return &(reports_[plan.digest()] = *std::move(reports));
}

}  // namespace keel::testing
