// Runs the members of a group as threads of the test.
#ifndef KEEL_TESTS_TESTING_MEMBER_THREADS_H_
#define KEEL_TESTS_TESTING_MEMBER_THREADS_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "tests/testing/memory_rendezvous.h"
#include "worker/comm/communicator_factory.h"

namespace keel::testing {

// Forms a group of `world_size` over loopback and calls `body` on each
// member's own thread.
inline void RunGroup(int world_size,
                     const std::function<void(Communicator&)>& body,
                     WaitLimits limits = {}) {
  MemoryRendezvous store;
  std::vector<std::thread> members;
  for (int rank = 0; rank < world_size; ++rank) {
    members.emplace_back([&, rank] {
      GroupOptions options;
      options.generation = 1;
      options.rank = rank;
      options.world_size = world_size;
      options.limits = limits;
      auto communicator = FormGroup(store, options);
      ASSERT_TRUE(communicator.ok()) << communicator.status();
      body(**communicator);
    });
  }
  for (std::thread& member : members) member.join();
}

}  // namespace keel::testing

#endif  // KEEL_TESTS_TESTING_MEMBER_THREADS_H_
