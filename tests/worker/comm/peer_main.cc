// A member in a process of its own, for tests that kill or stop it:
// keel_test_peer FOLDER RANK WORLD_SIZE. Sums ones until the group breaks; in a
// group of more than two, gathers them.
#include <ATen/Parallel.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "tests/testing/directory_rendezvous.h"
#include "worker/comm/communicator_factory.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  at::set_num_threads(1);
  keel::testing::DirectoryRendezvous store(argv[1]);
  keel::GroupOptions options;
  options.rank = std::atoi(argv[2]);
  options.world_size = std::atoi(argv[3]);
  auto group = keel::FormGroup(store, options);
  if (!group.ok()) return 1;
  const std::vector<int64_t> rows(options.world_size, 1);
  while (options.world_size > 2 &&
         (*group)->AllGatherRows(at::ones({1, 1}), rows).ok()) {
  }
  at::Tensor tensor = at::ones({1 << 20});
  while ((*group)->AllReduceSum(tensor.fill_(1)).ok()) {
  }
  return 0;
}
