// Whether what was acknowledged is still there, and readable.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_STATE_CHECKER_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_STATE_CHECKER_H_

#include <string>
#include <vector>

#include "coordinator/store/blob_store.h"
#include "coordinator/store/store.h"
#include "tests/coordinator/simulator/truth.h"

namespace keel::testing {

// What is wrong with the durable state: an acknowledged stream, chunk,
// request or step that is not there, or a blob that a record names and that is
// missing or damaged. Empty: nothing.
std::vector<std::string> StateProblems(const Truth& truth, Store& store,
                                       BlobStore& blobs);

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_STATE_CHECKER_H_
