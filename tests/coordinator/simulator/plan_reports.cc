#include "tests/coordinator/simulator/plan_reports.h"

#include "common/plan/accounting_hash.h"
#include "common/plan/phase_schedule.h"
#include "coordinator/core/plan_builder.h"
#include "keel/storage/v1/storage.pb.h"
#include "tests/coordinator/plan_samples.h"

namespace keel::testing {
namespace {

using storage::v1::SampleIndex;

// About one in ten.
bool DoesNotDecode(const SampleIndex& sample) {
  return static_cast<unsigned char>(sample.image_digest()[0]) < 26;
}

v1::StepReport ReportOf(const PhaseSchedule& schedule, int64_t step,
                        const std::vector<SampleIndex>& samples) {
  const uint64_t key =
      AccountingKey(schedule.options().seed, schedule.options().phase);
  const int epoch = schedule.EpochOfStep(step);
  AccountingHash sum;
  v1::StepReport report;
  report.set_step(step);
  for (int64_t sample : schedule.SamplesOfStep(step)) {
    const SampleIndex& index = samples[sample];
    if (DoesNotDecode(index)) {
      report.add_struck()->set_sample(sample);
      report.mutable_struck()->rbegin()->set_reason("decode");
      continue;
    }
    const int caption =
        schedule.CaptionOf(epoch, sample, index.captions_size());
    sum += HashRow(key, epoch, sample, index.image_digest(),
                   index.captions(caption).digest());
    report.set_sample_count(report.sample_count() + 1);
  }
  report.set_hash_low(sum.low);
  report.set_hash_high(sum.high);
  report.set_seconds(0.1);
  return report;
}

}  // namespace

std::optional<std::vector<v1::StepReport>> PlanReports(
    const std::string& plan_digest,
    const std::function<std::optional<std::string>(const std::string&)>& read) {
  storage::v1::PhasePlan plan;
  const auto bytes = read(plan_digest);
  if (!bytes.has_value() || !plan.ParseFromString(*bytes)) return std::nullopt;
  const auto samples = SamplesOf(plan, read);
  if (!samples.has_value()) return std::nullopt;
  const auto schedule = ScheduleOf(plan);
  if (!schedule.ok()) return std::nullopt;
  std::vector<v1::StepReport> reports;
  for (int64_t step = 0; step < schedule->step_count(); ++step) {
    reports.push_back(ReportOf(*schedule, step, *samples));
  }
  return reports;
}

}  // namespace keel::testing
