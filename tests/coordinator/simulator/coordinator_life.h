// One life of the coordinator's process: the objects that the server makes,
// without its threads and its network.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_COORDINATOR_LIFE_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_COORDINATOR_LIFE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "common/status_macros.h"
#include "coordinator/services/coordinator_parts.h"
#include "coordinator/services/file_receiver.h"
#include "coordinator/store/directory_blob_store.h"

namespace keel::testing {

struct CoordinatorLife {
  // Loads what is durable. `environment` says all but the blobs, which lie in
  // `disk`.
  static absl::StatusOr<std::unique_ptr<CoordinatorLife>> Start(
      Environment environment, FileSystem& disk, int number) {
    auto life = std::make_unique<CoordinatorLife>();
    KEEL_ASSIGN_OR_RETURN(life->blobs,
                          DirectoryBlobStore::Open(
                              {.path = "/state/blobs", .file_system = &disk}));
    environment.blobs = life->blobs.get();
    KEEL_ASSIGN_OR_RETURN(life->cluster, Cluster::Load(environment));
    KEEL_RETURN_IF_ERROR(life->cluster->Sweep(absl::Hours(1)));
    life->parts = std::make_unique<CoordinatorParts>(*life->cluster);
    life->number = number;
    return life;
  }

  std::unique_ptr<BlobStore> blobs;
  std::unique_ptr<Cluster> cluster;
  std::unique_ptr<CoordinatorParts> parts;
  // Of the uploads that are going on, by the call's number.
  std::map<int64_t, std::unique_ptr<FileReceiver>> receivers;
  int number = 0;
  // Of the cluster, when the controller last ran.
  int64_t seen_change_count = -1;
  bool tick_is_due = false;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_COORDINATOR_LIFE_H_
