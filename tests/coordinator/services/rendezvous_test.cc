#include "coordinator/services/rendezvous.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Request = v1::StoreRequest;

Request Make(int64_t id, Request::Operation operation,
             const std::vector<std::string>& keys,
             const std::string& value = "") {
  Request request;
  request.set_generation(7);
  request.set_id(id);
  request.set_operation(operation);
  for (const std::string& key : keys) request.add_keys(key);
  request.set_value(value);
  return request;
}

// The single reply of a request that need not wait.
v1::StoreReply One(Rendezvous& store, const Request& request) {
  const auto replies = store.Apply("a", request);
  EXPECT_EQ(replies.size(), 1u);
  return replies.empty() ? v1::StoreReply() : replies[0].reply;
}

TEST(RendezvousTest, AnswersGetWithWhatWasSet) {
  Rendezvous store(7);
  One(store, Make(1, Request::SET, {"k"}, "v"));
  const v1::StoreReply reply = One(store, Make(2, Request::GET, {"k"}));
  EXPECT_EQ(reply.value(), "v");
  EXPECT_EQ(reply.id(), 2);
  EXPECT_EQ(reply.generation(), 7);
}

TEST(RendezvousTest, ParksGetUntilAnotherMemberSetsTheKey) {
  Rendezvous store(7);
  EXPECT_THAT(store.Apply("a", Make(5, Request::GET, {"k"})), IsEmpty());
  const auto replies = store.Apply("b", Make(1, Request::SET, {"k"}, "v"));
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].worker_id, "b");
  EXPECT_EQ(replies[1].worker_id, "a");
  EXPECT_EQ(replies[1].reply.id(), 5);
  EXPECT_EQ(replies[1].reply.value(), "v");
}

TEST(RendezvousTest, ReleasesWaitOnlyWhenAllKeysAreThere) {
  Rendezvous store(7);
  EXPECT_THAT(store.Apply("a", Make(1, Request::WAIT, {"x", "y"})), IsEmpty());
  EXPECT_EQ(store.Apply("b", Make(1, Request::SET, {"x"})).size(), 1u);
  EXPECT_EQ(store.Apply("b", Make(2, Request::ADD, {"y"})).size(), 2u);
}

TEST(RendezvousTest, AddCountsAndStoresDecimalText) {
  Rendezvous store(7);
  Request add = Make(1, Request::ADD, {"n"});
  add.set_amount(3);
  EXPECT_EQ(One(store, add).number(), 3);
  add.set_amount(-1);
  EXPECT_EQ(One(store, add).number(), 2);
  EXPECT_EQ(One(store, Make(2, Request::GET, {"n"})).value(), "2");
}

TEST(RendezvousTest, AddRefusesAKeyThatHoldsText) {
  Rendezvous store(7);
  One(store, Make(1, Request::SET, {"n"}, "text"));
  EXPECT_THAT(One(store, Make(2, Request::ADD, {"n"})).error(),
              HasSubstr("no number"));
}

TEST(RendezvousTest, ChecksCountsAndDeletes) {
  Rendezvous store(7);
  One(store, Make(1, Request::SET, {"x"}));
  EXPECT_TRUE(One(store, Make(2, Request::CHECK, {"x"})).found());
  EXPECT_FALSE(One(store, Make(3, Request::CHECK, {"x", "y"})).found());
  EXPECT_EQ(One(store, Make(4, Request::COUNT, {})).number(), 1);
  EXPECT_TRUE(One(store, Make(5, Request::DELETE, {"x"})).found());
  EXPECT_FALSE(One(store, Make(6, Request::DELETE, {"x"})).found());
  EXPECT_EQ(One(store, Make(7, Request::COUNT, {})).number(), 0);
}

TEST(RendezvousTest, CompareSetChangesOnlyWhatWasExpected) {
  Rendezvous store(7);
  Request request = Make(1, Request::COMPARE_SET, {"k"}, "one");
  EXPECT_EQ(One(store, request).value(), "one");  // absent, none expected
  request.set_value("two");
  EXPECT_EQ(One(store, request).value(), "one");
  request.set_expected("one");
  EXPECT_EQ(One(store, request).value(), "two");
}

TEST(RendezvousTest, CompareSetOfAnAbsentKeyGivesBackWhatWasExpected) {
  Rendezvous store(7);
  Request request = Make(1, Request::COMPARE_SET, {"k"}, "new");
  request.set_expected("old");
  EXPECT_EQ(One(store, request).value(), "old");
  EXPECT_FALSE(One(store, Make(2, Request::CHECK, {"k"})).found());
}

TEST(RendezvousTest, CloseAnswersTheParkedAndAllThatComeLater) {
  Rendezvous store(7);
  store.Apply("a", Make(1, Request::GET, {"k"}));
  const auto replies = store.Close("lost worker b");
  ASSERT_EQ(replies.size(), 1u);
  EXPECT_EQ(replies[0].worker_id, "a");
  EXPECT_THAT(replies[0].reply.error(), HasSubstr("lost worker b"));
  EXPECT_THAT(One(store, Make(2, Request::SET, {"k"}, "v")).error(),
              HasSubstr("lost worker b"));
}

TEST(RendezvousTest, RefusesLargeValuesManyKeysAndWrongShapes) {
  Rendezvous store(7);
  const std::string large(Rendezvous::kMaxValueBytes + 1, 'x');
  EXPECT_THAT(One(store, Make(1, Request::SET, {"k"}, large)).error(),
              HasSubstr("limit"));
  EXPECT_THAT(One(store, Make(2, Request::SET, {})).error(),
              HasSubstr("one key"));
  EXPECT_THAT(One(store, Make(3, Request::OPERATION_UNSPECIFIED, {})).error(),
              HasSubstr("unknown operation"));
  for (size_t i = 0; i < Rendezvous::kMaxKeys; ++i) {
    One(store, Make(4, Request::SET, {std::to_string(i)}));
  }
  EXPECT_THAT(One(store, Make(5, Request::SET, {"one more"})).error(),
              HasSubstr("more than"));
}

}  // namespace
}  // namespace keel
