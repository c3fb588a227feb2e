// A member in a process of its own, for tests that kill or stop it:
// keel_test_peer FOLDER RANK WORLD_SIZE. Sums ones until the group breaks.
#include <ATen/Parallel.h>

#include <cstdlib>

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
  at::Tensor tensor = at::ones({1 << 20});
  while ((*group)->AllReduceSum(tensor.fill_(1)).ok()) {
  }
  return 0;
}
