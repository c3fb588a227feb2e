// What a worker that loads correctly reports for every step of a plan.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_PLAN_REPORTS_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_PLAN_REPORTS_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "keel/v1/worker.pb.h"

namespace keel::testing {

// `read` gives a blob's bytes; nullopt: it cannot, and so this cannot. Some
// samples are struck, always the same.
std::optional<std::vector<v1::StepReport>> PlanReports(
    const std::string& plan_digest,
    const std::function<std::optional<std::string>(const std::string&)>& read);

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_PLAN_REPORTS_H_
