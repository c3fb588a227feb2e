// Whether a published checkpoint is what it has to be.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_CHECKPOINT_CHECKER_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_CHECKPOINT_CHECKER_H_

#include <string>
#include <vector>

#include "coordinator/store/blob_store.h"
#include "coordinator/store/store.h"
#include "keel/v1/checkpoint.pb.h"

namespace keel::testing {

// What is wrong with it, by the stored records and blobs: each file is there
// with its bytes, the manifest is among them and names them; what the weights
// have been trained on is the lineage that the ledger proves, from the
// parent's weights on. Empty: nothing.
std::vector<std::string> CheckpointProblems(const v1::Checkpoint& checkpoint,
                                            Store& store, BlobStore& blobs);

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_CHECKPOINT_CHECKER_H_
