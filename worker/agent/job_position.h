// Where a job stands, as a worker tells it when it attaches.
#ifndef KEEL_WORKER_AGENT_JOB_POSITION_H_
#define KEEL_WORKER_AGENT_JOB_POSITION_H_

#include <cstdint>
#include <string>

namespace keel {

struct JobPosition {
  // Generation that it trains in; 0: it is a task.
  int64_t generation = 0;
  std::string stream;
  int32_t phase = 0;
  int64_t committed_step_count = 0;
  // Task that it carries out; empty: it trains.
  std::string task_id;
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_JOB_POSITION_H_
