//! The filter language: what is read and refused, which rows are taken, and what a list may go by.

mod draws;
mod needs;
mod rows;
mod taken;
mod words;
