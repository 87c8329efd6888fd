// Connects <tidings-inbox> to the application. The page loads this file from its own origin.
const inbox = document.querySelector("tidings-inbox");

// The application's server asks Tidings for the token of the person who is signed in. The API key never leaves the server.
inbox.getToken = async () => {
  const response = await fetch("/inbox-token", { method: "POST" });
  if (!response.ok) throw new Error(`The application answered with ${response.status}.`);
  const { token } = await response.json();
  return token;
};

// The page shows the number of unread notifications in its title as well.
const title = document.title;
inbox.addEventListener("tidings-counts", ({ detail }) => {
  document.title = detail.unread > 0 ? `(${detail.unread}) ${title}` : title;
});
