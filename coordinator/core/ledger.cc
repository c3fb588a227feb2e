#include "coordinator/core/ledger.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/plan/accounting_hash.h"
#include "common/plan/phase_schedule.h"
#include "coordinator/core/plan_builder.h"
#include "coordinator/core/plan_history.h"

namespace keel {
namespace {

using storage::v1::GenerationRecord;
using storage::v1::SampleIndex;
using storage::v1::StepRecord;

constexpr int kMaxProblems = 20;

std::string HashText(const AccountingHash& hash) {
  return absl::StrCat(absl::Hex(hash.high, absl::kZeroPad16),
                      absl::Hex(hash.low, absl::kZeroPad16));
}

// Walks through one phase's lineage and writes its verdict.
class Verifier {
 public:
  Verifier(const PhaseLedger& ledger, const std::function<bool()>& give_up)
      : ledger_(ledger), give_up_(give_up) {
    verdict_.set_phase(ledger.plan.phase());
    *verdict_.mutable_accounting() = ledger.accounting;
    verdict_.mutable_accounting()->clear_struck_by_reason();
    verdict_.set_sample_count(ledger.plan.sample_count());
    if (!ledger.generations.empty()) {
      verdict_.set_attempt(ledger.generations.front().attempt());
    }
  }

  v1::LedgerVerdict Verify() && {
    CheckAccounting();
    CheckHistory();
    if (CheckIndexes() && ledger_.plan.sample_count() > 0) CheckSteps();
    verdict_.set_ok(problem_count_ == 0);
    return std::move(verdict_);
  }

 private:
  void Problem(std::string text) {
    if (problem_count_++ < kMaxProblems) verdict_.add_problems(std::move(text));
  }

  void CheckAccounting() {
    const v1::Accounting& a = ledger_.accounting;
    const int64_t sum = a.planned_count() + a.probe_count() +
                        a.over_probe_cap_count() + a.dropped_count();
    if (sum != a.accepted_count()) {
      Problem(absl::StrCat("accounting: ", a.accepted_count(),
                           " samples accepted, but ", sum,
                           " planned, held out or dropped"));
    }
    const int64_t planned = a.planned_count() + a.earlier_count();
    if (planned != ledger_.plan.sample_count()) {
      Problem(absl::StrCat("accounting: ", planned,
                           " samples planned, but the plan holds ",
                           ledger_.plan.sample_count()));
    }
  }

  // What the plan trains of earlier phases has to be what the plan of the
  // newest published one leads to.
  void CheckHistory() {
    const storage::v1::PhasePlan& plan = ledger_.plan;
    if (plan.sample_count() == 0 || !NeedsHistory(plan)) return;
    const auto& previous = ledger_.previous_plan;
    const storage::v1::PhasePlan expected =
        WithHistory(plan, previous.has_value() ? &*previous : nullptr);
    if (expected.SerializeAsString() == plan.SerializeAsString()) return;
    Problem(absl::StrCat("plan: it follows from phase ", plan.previous_phase(),
                         ", and not from ", expected.previous_phase(),
                         ", or takes other samples than that leads to"));
  }

  // False if the plan and the indexes do not belong together.
  bool CheckIndexes() {
    const storage::v1::PhasePlan& plan = ledger_.plan;
    const auto chunks = PlannedChunks(plan);
    if (ledger_.indexes.size() != chunks.size()) {
      Problem(absl::StrCat("plan: ", chunks.size(), " chunks, but ",
                           ledger_.indexes.size(), " indexes"));
      return false;
    }
    for (size_t i = 0; i < chunks.size(); ++i) {
      const storage::v1::PlannedChunk& chunk = *chunks[i];
      const storage::v1::ChunkIndex& index = ledger_.indexes[i];
      if (chunk.accepted_count() != index.samples_size()) {
        Problem(absl::StrCat("chunk ", chunk.chunk_digest(), ": the plan has ",
                             chunk.accepted_count(), " samples, its index ",
                             index.samples_size()));
        return false;
      }
      for (int ordinal : TrainedOrdinals(chunk)) {
        samples_.push_back(&index.samples(ordinal));
      }
    }
    return CheckSampleCounts();
  }

  bool CheckSampleCounts() {
    const storage::v1::PhasePlan& plan = ledger_.plan;
    const auto planned = static_cast<int64_t>(samples_.size());
    if (planned != plan.sample_count()) {
      Problem(absl::StrCat("plan: ", plan.sample_count(),
                           " samples, but its chunks hold ", planned));
      return false;
    }
    const auto replayed = static_cast<int64_t>(ledger_.replayed.size());
    if (replayed != ReplayCount(plan) ||
        replayed != ledger_.accounting.replay_count()) {
      Problem(absl::StrCat("plan: ", ReplayCount(plan), " samples to replay, ",
                           ledger_.accounting.replay_count(),
                           " in the accounting, ", replayed, " found"));
      return false;
    }
    for (const SampleIndex& sample : ledger_.replayed) {
      samples_.push_back(&sample);
    }
    return true;
  }

  void CheckSteps() {
    const storage::v1::PhasePlan& plan = ledger_.plan;
    const auto schedule = ScheduleOf(plan);
    if (!schedule.ok()) {
      Problem(absl::StrCat("plan: ", schedule.status().message()));
      return;
    }
    if (schedule->step_count() != plan.step_count()) {
      Problem(absl::StrCat("plan: ", plan.step_count(), " steps, but ",
                           schedule->step_count(), " follow from its samples"));
    }
    verdict_.set_step_count(schedule->step_count());
    verdict_.set_due_count(plan.drop_last()
                               ? plan.step_count() * plan.global_batch()
                               : plan.sample_count() * plan.epochs());
    verdict_.set_replay_due_count(schedule->step_count() *
                                  schedule->replay_per_step());
    touches_.assign(plan.sample_count(), 0);
    WalkSteps(*schedule);
    CheckTouches();
  }

  // Matches the lineage's records, in order of their steps, with the plan's.
  void WalkSteps(const PhaseSchedule& schedule) {
    const std::vector<StepRecord> records = LineageSteps(ledger_);
    size_t next = 0;
    for (int64_t step = 0; step < schedule.step_count(); ++step) {
      if (give_up_()) return;
      const size_t first = next;
      while (next < records.size() && records[next].step() == step) ++next;
      if (next == first) {
        WrongStep(absl::StrCat("step ", step, ": no record in the lineage"));
      } else if (next - first > 1) {
        WrongStep(
            absl::StrCat("step ", step, ": recorded ", next - first, " times"));
      } else {
        CheckStep(schedule, records[first]);
      }
    }
    for (; next < records.size(); ++next) {
      WrongStep(absl::StrCat("step ", records[next].step(),
                             ": not a step of the plan"));
    }
  }

  void WrongStep(std::string text) {
    verdict_.set_wrong_step_count(verdict_.wrong_step_count() + 1);
    Problem(std::move(text));
  }

  void CheckStep(const PhaseSchedule& schedule, const StepRecord& record) {
    std::vector<int64_t> samples = schedule.SamplesOfStep(record.step());
    std::vector<int64_t> struck;
    for (const StepRecord::Struck& entry : record.struck()) {
      const auto place =
          std::find(samples.begin(), samples.end(), entry.sample());
      if (place == samples.end()) {
        WrongStep(absl::StrCat("step ", record.step(), ": sample ",
                               entry.sample(),
                               " is struck, but not (or no more) in the step"));
        return;
      }
      struck.push_back(entry.sample());
      samples.erase(place);
    }
    const AccountingHash expected =
        HashOf(schedule, schedule.EpochOfStep(record.step()), samples);
    const AccountingHash recorded{record.hash_low(), record.hash_high()};
    if (recorded == expected &&
        record.sample_count() == static_cast<int64_t>(samples.size())) {
      CountTouches(record, samples, struck);
      return;
    }
    WrongStep(absl::StrCat("step ", record.step(), ": ", record.sample_count(),
                           " rows with the sum ", HashText(recorded),
                           " recorded, ", samples.size(), " rows with ",
                           HashText(expected), " expected"));
  }

  AccountingHash HashOf(const PhaseSchedule& schedule, int epoch,
                        const std::vector<int64_t>& samples) const {
    const uint64_t key =
        AccountingKey(ledger_.plan.seed(), ledger_.plan.phase());
    AccountingHash sum;
    for (int64_t sample : samples) {
      const SampleIndex& index = *samples_[sample];
      std::string_view caption;
      if (index.captions_size() > 0) {
        caption = index
                      .captions(schedule.CaptionOf(epoch, sample,
                                                   index.captions_size()))
                      .digest();
      }
      sum += HashRow(key, epoch, sample, index.image_digest(), caption);
    }
    return sum;
  }

  void CountTouches(const StepRecord& record,
                    const std::vector<int64_t>& trained,
                    const std::vector<int64_t>& struck) {
    for (const auto* samples : {&trained, &struck}) {
      for (int64_t sample : *samples) {
        if (!IsReplayed(sample)) ++touches_[sample];
      }
    }
    const int64_t replayed =
        std::count_if(trained.begin(), trained.end(),
                      [this](int64_t sample) { return IsReplayed(sample); });
    verdict_.set_replayed_count(verdict_.replayed_count() + replayed);
    verdict_.set_trained_count(verdict_.trained_count() + std::ssize(trained) -
                               replayed);
    verdict_.set_struck_count(verdict_.struck_count() + std::ssize(struck));
    auto& by_reason =
        *verdict_.mutable_accounting()->mutable_struck_by_reason();
    for (const StepRecord::Struck& entry : record.struck()) {
      ++by_reason[entry.reason()];
    }
  }

  bool IsReplayed(int64_t sample) const {
    return sample >= ledger_.plan.sample_count();
  }

  void CheckTouches() {
    const int64_t due = verdict_.due_count() + verdict_.replay_due_count();
    const int64_t proven = verdict_.trained_count() +
                           verdict_.replayed_count() + verdict_.struck_count();
    if (proven != due) {
      Problem(absl::StrCat(due, " touches due, ", proven, " proven"));
    }
    // drop_last leaves other samples out in each epoch; wrong steps have been
    // named already.
    if (ledger_.plan.drop_last() || verdict_.wrong_step_count() > 0) return;
    for (size_t i = 0; i < touches_.size(); ++i) {
      if (touches_[i] == ledger_.plan.epochs()) continue;
      Problem(absl::StrCat("sample ", i, ": touched ", touches_[i],
                           " times in ", ledger_.plan.epochs(), " epochs"));
    }
  }

  const PhaseLedger& ledger_;
  const std::function<bool()>& give_up_;
  v1::LedgerVerdict verdict_;
  int64_t problem_count_ = 0;
  // By ordinal: planned samples, then replayed ones.
  std::vector<const SampleIndex*> samples_;
  // By planned ordinal.
  std::vector<int> touches_;
};

}  // namespace

std::vector<LineageSegment> Lineage(
    const std::vector<GenerationRecord>& generations,
    int64_t final_generation) {
  std::unordered_map<int64_t, const GenerationRecord*> records;
  for (const GenerationRecord& record : generations) {
    records[record.generation()] = &record;
  }
  std::vector<LineageSegment> segments;
  std::set<int64_t> seen;
  int64_t end = std::numeric_limits<int64_t>::max();
  for (int64_t id = final_generation; id != 0 && end > 0;) {
    const auto found = records.find(id);
    if (found == records.end() || !seen.insert(id).second) break;
    const int64_t begin = std::min(end, found->second->start_step());
    segments.push_back({id, {begin, end}});
    // A parent that started behind this generation's start has no part in it.
    end = begin;
    id = found->second->parent_generation();
  }
  std::reverse(segments.begin(), segments.end());
  return segments;
}

std::vector<StepRecord> LineageSteps(const PhaseLedger& ledger) {
  std::unordered_map<int64_t, Slice> lineage;
  for (const LineageSegment& segment :
       Lineage(ledger.generations, ledger.final_generation)) {
    lineage[segment.generation] = segment.steps;
  }
  std::vector<StepRecord> steps;
  for (const StepRecord& record : ledger.steps) {
    const auto segment = lineage.find(record.generation());
    if (segment != lineage.end() && record.step() >= segment->second.begin &&
        record.step() < segment->second.end) {
      steps.push_back(record);
    }
  }
  std::stable_sort(steps.begin(), steps.end(),
                   [](const StepRecord& a, const StepRecord& b) {
                     return a.step() < b.step();
                   });
  return steps;
}

v1::LedgerVerdict VerifyPhase(const PhaseLedger& ledger,
                              const std::function<bool()>& give_up) {
  return Verifier(ledger, give_up).Verify();
}

}  // namespace keel
