//! Published samples of encrypted data. One of them is a phone number, masked by its publisher
//! before it was encrypted, so through HTTP none of them may be taken for a phone.

use serde_json::json;
use wxauth_sandbox::Sandbox;

use crate::harness::World;

struct Sample {
    appid: &'static str,
    session_key: &'static str,
    iv: &'static str,
    encrypted_data: &'static str,
    refused_as: &'static str,
}

const SAMPLES: &[Sample] = &[
    // A phone number with the digits in its middle replaced by `*`: opens, and its shape is wrong.
    Sample {
        appid: "wxc****17e87e0e0a7",
        session_key: "YZJqKnNFi0KAiKUc0ggC2g==",
        iv: "KEWv/gyiIwAfHvjrLeaX6w==",
        encrypted_data: "Gu2PVnxVWl+jK4F8c0liGxfkB5Bj3m5HRvwgEIk1Yb+36RZ3Bg7YmUnud/ooiHz0PQroipsH7GCjlGwUeT04NwmrFaP1y3dRYPLpS43ed9QZWcFIFo+8vTs3Zco6S98DUvaNEAs8duhz/BzfBOZaIHMziRqEtPFI0ZDzCgJluBirJ6Wl3UkygZ5/QLo3KA53qGdip7K48Rq8XbCwuidTCw==",
        refused_as: "the data is not a phone number",
    },
    // WeChat's own demonstration of user info.
    Sample {
        appid: "wx4f4bc4dec97d474b",
        session_key: "tiihtNczf5v6AKRyjwEUhQ==",
        iv: "r7BXXKkLb8qrSNn05n0qiA==",
        encrypted_data: "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4lGOETKUQz6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYVoKlaRv85IfVunYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew==",
        refused_as: "the data is not a phone number",
    },
    // A stale key; the last byte is 11, so padding that is not checked in full would pass.
    Sample {
        appid: "wx7ad9cfdc85a2fdb2",
        session_key: "4dcDdFhjmcWRJVlW8cxJMQ==",
        iv: "q8PDCUo7st3j/qGcio8Ppw==",
        encrypted_data: "opjR1AiWT2JpOnsvp/mU453nYc4ptCYJeH5iQ2QuOcO6aqYlsaAS61DxPOFLWNdfIE4o71tIyDuRuLlO1tS+jk3TBJJl18d6vuC9q/qgz/dyxl6+8xsuQo8S9O55IOoYzO105QgDMPyH84fCXTPjCiM/+0xCcjjVHeqlN/f8oLXpUZ2hUNlqAmk1cm9ab3/RGeg8JF0IazYraLjSeUrzgg==",
        refused_as: "no key opens the data (padding)",
    },
    // A key that does not belong to the data.
    Sample {
        appid: "wx7ad9cfdc85a2fdb2",
        session_key: "0sVkQ4CtcaiYJtvoPLBecw==",
        iv: "4y2ftkwAM2mF6Qc89HydpA==",
        encrypted_data: "GiW4s+17o7RSaPOwGX8Ir1+3c/RYbHKvRzBg8UFlmIIiArLtU0ctkzjq1LRR5MH5CSPs63Jt4qCoFScSlRKlQ4/RVXXJFQV+r/1L+qKv/PdHRvVDLb+8P6CvPTurEuHsxlLyXTnnlEIu6IFYFzZWBMIp6+SHEK85mEb1gw4BtMmEy9EitnMskNjsEnmpI3M9r8ItKyQ8hinJejuno0JPXn3trc+2gMheNt4+4NwMTM6mzzGVO6g40NP7NjK9Tl6+An2TjBe+GGVFdrkl5hpYDXE/YO2FsL909faX3Y08msSuCVk5AsMGMJiUwddiu44KODdxCYfwLxBaIgYJEY6xLygFmAMuDg/L2g4/wDabBrhA5BNsD6lrcRRbvrHK65Lu3xd1oTXyMGbfUGTD4GLlLSJUX2FhcG7ZmHwg1jQUuKFHJu/AMQgdoPa/JONAu5Hjp0hL7ahr5LC0ghwdTfTowg3X1Ko9IgRxxj755eGgXQK7AnsMwjXzt4X+4YpOYpCb2LVSrTV2t4QjVNPe+Rjmsg==",
        refused_as: "no key opens the data (padding)",
    },
];

#[actix_rt::test]
async fn published_samples_are_refused_for_the_right_reason() {
    for sample in SAMPLES {
        let world = World::new();
        let server = world.server_with(&[
            ("WX_APPID", sample.appid),
            // The samples are years old; their age must not be what refuses them.
            ("PHONE_DATA_MAX_AGE_SECONDS", "31622400"),
        ]);
        let openid = Sandbox::openid(&world.wechat, "sample");
        world.database.insert_login(&openid, sample.session_key);

        let body =
            json!({"openid": openid, "encryptedData": sample.encrypted_data, "iv": sample.iv});
        let answer = server.client().json("/getWXUserPhone", body).await;

        answer.assert_error(401, 40103, "decrypt_failed", true);
        server.wait_for_line(sample.refused_as);
    }
}
