pub mod stat;
pub mod subset;
pub mod template;
pub mod traffic;
